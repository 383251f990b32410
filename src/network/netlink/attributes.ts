import { endianness } from 'node:os';

/**
 * An attribute of a netlink message: a type and either bytes or attributes inside it. All numbers are the machine's
 * own order unless a builder says `net`.
 */
export interface Attribute {
  readonly type: number;
  readonly value: Buffer | readonly Attribute[];
}

const headerSize = 4;
/** Set on attributes that hold others; rtnetlink ignores it, nf_tables wants it. */
const NLA_F_NESTED = 0x8000;
/** The two upper bits are flags. */
const typeMask = 0x3fff;

/** The machine's order, which netlink speaks; every processor Node runs on but s390x is little-endian. */
export const isLittle = endianness() === 'LE';

export function host16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  if (isLittle) bytes.writeUInt16LE(value);
  else bytes.writeUInt16BE(value);
  return bytes;
}

export function host32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  if (isLittle) bytes.writeUInt32LE(value >>> 0);
  else bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function net16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function net32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function readHost16(bytes: Buffer, offset = 0): number {
  return isLittle ? bytes.readUInt16LE(offset) : bytes.readUInt16BE(offset);
}

export function readHost32(bytes: Buffer, offset = 0): number {
  return isLittle ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset);
}

/** Names of links, tables and kinds: bytes and a NUL. */
export function zeroEnded(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'latin1');
}

export function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end === -1 ? bytes.length : end);
}

/** Everything in netlink begins at multiples of four. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(attributes.map(encodeAttribute));
}

function encodeAttribute({ type, value }: Attribute): Buffer {
  const nested = !Buffer.isBuffer(value);
  const body = nested ? encodeAttributes(value) : value;
  const length = headerSize + body.length;
  const bytes = Buffer.alloc(padded(length));
  host16(length).copy(bytes, 0);
  host16(nested ? type | NLA_F_NESTED : type).copy(bytes, 2);
  body.copy(bytes, headerSize);
  return bytes;
}

/** An attribute as it came. Which of them hold others only the reader knows: not every sender sets the flag. */
export interface RawAttribute {
  readonly type: number;
  readonly value: Buffer;
}

/** The attributes in the bytes. Ends at the first that does not fit: the kernel's own are never broken. */
export function decodeAttributes(bytes: Buffer): RawAttribute[] {
  const found: RawAttribute[] = [];
  for (let offset = 0; offset + headerSize <= bytes.length;) {
    const length = readHost16(bytes, offset);
    if (length < headerSize || offset + length > bytes.length) break;
    found.push({
      type: readHost16(bytes, offset + 2) & typeMask,
      value: bytes.subarray(offset + headerSize, offset + length),
    });
    offset += padded(length);
  }
  return found;
}

/** The value of the last attribute of a type. */
export function attribute(attributes: readonly RawAttribute[], type: number): Buffer | undefined {
  return attributes.findLast((each) => each.type === type)?.value;
}
