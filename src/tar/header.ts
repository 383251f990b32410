import { TsbuildError, type ByteString } from '../core/index.ts';

/** Everything in a tar is a multiple of this. */
export const blockSize = 512;

/** The fields of one 512-byte header, without regard to what extended headers say (POSIX pax, "ustar Interchange Format"). */
export interface RawHeader {
  /** One character: `0` file, `1` hard link … `x` extended header. */
  readonly flag: string;
  /** At most 100 bytes. */
  readonly name: ByteString;
  /** At most 155 bytes; the path is `prefix/name` when it is not empty. */
  readonly prefix: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  /** At most 100 bytes. */
  readonly link: ByteString;
  readonly major: number;
  readonly minor: number;
}

export const nameBytes = 100;
export const prefixBytes = 155;

/** Offset and length of each field. */
const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  flag: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

type Field = readonly [offset: number, length: number];

const ustarMagic = 'ustar\x0000';
const gnuMagic = 'ustar  \0';

/** The largest number a field of 8 or 12 bytes holds in octal: one byte is its end mark. */
export const maxOctal8 = 0o7777777;
export const maxOctal12 = 0o77777777777;

/** Writes one ustar header. All numbers must fit their octal fields: what does not belongs into an extended header. */
export function encodeHeader(header: RawHeader): Buffer {
  const block = Buffer.alloc(blockSize);
  writeText(block, fields.name, header.name);
  writeOctal(block, fields.mode, header.mode);
  writeOctal(block, fields.uid, header.uid);
  writeOctal(block, fields.gid, header.gid);
  writeOctal(block, fields.size, header.size);
  writeOctal(block, fields.mtime, header.mtime);
  block.write(header.flag, fields.flag[0], 'latin1');
  writeText(block, fields.link, header.link);
  block.write(ustarMagic, fields.magic[0], 'latin1');
  writeOctal(block, fields.major, header.major);
  writeOctal(block, fields.minor, header.minor);
  writeText(block, fields.prefix, header.prefix);
  const [offset, length] = fields.checksum;
  block.fill(0x20, offset, offset + length);
  writeOctal(block, [offset, length - 1], unsignedSum(block));
  return block;
}

function writeText(block: Buffer, [offset, length]: Field, text: string): void {
  if (text.length > length) throw new Error(`tar field of ${length} bytes given ${text.length}`);
  if (text !== '') block.write(text, offset, 'latin1');
}

function writeOctal(block: Buffer, [offset, length]: Field, value: number): void {
  let rest = value;
  for (let at = offset + length - 2; at >= offset; at--) {
    block[at] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
  if (rest !== 0 || value < 0) throw new Error(`${value} does not fit a tar field of ${length} bytes`);
  block[offset + length - 1] = 0;
}

function unsignedSum(block: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < blockSize; at++) sum += block[at] ?? 0;
  return sum;
}

/** Some tars of the eighties summed signed characters; readers have accepted both sums ever since. */
function signedSum(block: Uint8Array): number {
  const signed = new Int8Array(block.buffer, block.byteOffset, blockSize);
  let sum = 0;
  for (let at = 0; at < blockSize; at++) sum += signed[at] ?? 0;
  return sum;
}

export function isZeroBlock(block: Uint8Array): boolean {
  if (block[0] !== 0) return false;
  for (let at = 1; at < blockSize; at++) if (block[at] !== 0) return false;
  return true;
}

/** True when the block carries a valid checksum: what tells a tar from any other bytes. */
export function hasValidChecksum(block: Uint8Array): boolean {
  const [offset, length] = fields.checksum;
  let stored: number;
  try {
    stored = decodeNumber(block.subarray(offset, offset + length));
  } catch {
    return false;
  }
  // The sum is taken with the field itself read as blanks.
  let own = 0;
  let ownSigned = 0;
  for (let at = offset; at < offset + length; at++) {
    const byte = block[at] ?? 0;
    own += byte;
    ownSigned += byte > 127 ? byte - 256 : byte;
  }
  const blanks = 0x20 * length;
  if (unsignedSum(block) - own + blanks === stored) return true;
  return signedSum(block) - ownSigned + blanks === stored;
}

/** Reads a header of any flavour: v7, ustar, star, GNU. Throws ARCHIVE_INVALID. */
export function decodeHeader(block: Uint8Array): RawHeader {
  if (!hasValidChecksum(block)) {
    throw new TsbuildError('ARCHIVE_INVALID', 'a tar header has a wrong checksum', {
      hint: 'the archive is damaged, or it is not a tar archive',
    });
  }
  const bytes = Buffer.from(block.buffer, block.byteOffset, blockSize);
  const magic = bytes.toString('latin1', fields.magic[0], fields.magic[0] + fields.magic[1]);
  const isUstar = magic === ustarMagic;
  const hasDevices = isUstar || magic === gnuMagic;
  return {
    flag: String.fromCharCode(bytes[fields.flag[0]] ?? 0),
    name: readText(bytes, fields.name),
    // GNU keeps access and change times where ustar has the prefix; v7 has nothing there at all.
    prefix: isUstar ? readText(bytes, fields.prefix) : ('' as ByteString),
    mode: readNumber(bytes, fields.mode),
    uid: readNumber(bytes, fields.uid),
    gid: readNumber(bytes, fields.gid),
    size: readNumber(bytes, fields.size),
    mtime: readNumber(bytes, fields.mtime),
    link: readText(bytes, fields.link),
    major: hasDevices ? readNumber(bytes, fields.major) : 0,
    minor: hasDevices ? readNumber(bytes, fields.minor) : 0,
  };
}

function readText(block: Buffer, [offset, length]: Field): ByteString {
  const nul = block.indexOf(0, offset);
  const end = nul === -1 || nul > offset + length ? offset + length : nul;
  return block.toString('latin1', offset, end) as ByteString;
}

function readNumber(block: Buffer, [offset, length]: Field): number {
  // The usual field by far: digits only, ended by one NUL or blank.
  let value = 0;
  const last = offset + length - 1;
  for (let at = offset; at < last; at++) {
    const digit = (block[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) return decodeNumber(block.subarray(offset, offset + length));
    value = value * 8 + digit;
  }
  const end = block[last];
  return end === 0 || end === 0x20 ? value : decodeNumber(block.subarray(offset, offset + length));
}

/**
 * A number field: octal digits between blanks and NULs, or GNU's base-256 (first bit set, two's complement, big-endian).
 * An empty field is 0. Throws ARCHIVE_INVALID for anything else and for what a double does not hold exactly.
 */
export function decodeNumber(field: Uint8Array): number {
  const first = field[0] ?? 0;
  return (first & 0x80) === 0 ? decodeOctal(field) : decodeBase256(field, first);
}

function decodeOctal(field: Uint8Array): number {
  const text = Buffer.from(field.buffer, field.byteOffset, field.byteLength).toString('latin1');
  const digits = /^[ \0]*([0-7]*)[ \0]*$/.exec(text)?.[1];
  if (digits === undefined) {
    throw new TsbuildError(
      'ARCHIVE_INVALID',
      `a tar header has ${JSON.stringify(text)} where a number belongs`,
    );
  }
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function decodeBase256(field: Uint8Array, first: number): number {
  const negative = (first & 0x40) !== 0;
  let value = BigInt(negative ? first - 256 : first & 0x7f);
  for (let at = 1; at < field.length; at++) value = value * 256n + BigInt(field[at] ?? 0);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    throw new TsbuildError('ARCHIVE_INVALID', 'a tar header has a number larger than any file system takes');
  }
  return number;
}
