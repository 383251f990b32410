/** What a processor's smallest program is made of; see elf(5). */
interface Architecture {
  /** e_machine. */
  readonly machine: number;
  readonly bits: 32 | 64;
  readonly bigEndian?: boolean;
  /** e_flags: the ABI, where that is looked at. */
  readonly flags?: number;
  /** `exit(42)` as machine code, in bytes. */
  readonly code: readonly number[];
}

/** What the programs end with: nothing that a shell or chroot(1) says when something went wrong. */
export const exitOfForeignProgram = 42;

const littleWords = (...words: readonly number[]): readonly number[] =>
  words.flatMap((word) => [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24]);

/** By the names of images' platforms. */
const architectures: Readonly<Record<string, Architecture>> = {
  '386': { machine: 3, bits: 32, code: [0xbb, 42, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0xcd, 0x80] },
  amd64: { machine: 62, bits: 64, code: [0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05] },
  arm: {
    machine: 40,
    bits: 32,
    flags: 0x05000000,
    code: littleWords(0xe3a0002a, 0xe3a07001, 0xef000000),
  },
  arm64: { machine: 183, bits: 64, code: littleWords(0xd2800540, 0xd2800ba8, 0xd4000001) },
  loong64: {
    machine: 258,
    bits: 64,
    flags: 0x43,
    code: littleWords(0x0280a804, 0x0381740b, 0x002b0000),
  },
  mips64le: {
    machine: 8,
    bits: 64,
    flags: 0x80000007,
    code: littleWords(0x2404002a, 0x240213c2, 0x0000000c),
  },
  ppc64le: { machine: 21, bits: 64, flags: 2, code: littleWords(0x3860002a, 0x38000001, 0x44000002) },
  riscv64: { machine: 243, bits: 64, flags: 5, code: littleWords(0x02a00513, 0x05d00893, 0x00000073) },
  s390x: { machine: 22, bits: 64, bigEndian: true, code: [0xa7, 0x29, 0, 42, 0x0a, 0x01] },
};

const loadAddress = 0x400000;
const pageSize = 0x10000;

/**
 * A program for that architecture that needs nothing of its root and ends with `exitOfForeignProgram`; undefined for an
 * architecture that none is known of.
 */
export function foreignProgram(architecture: string): Uint8Array | undefined {
  const known = Object.hasOwn(architectures, architecture) ? architectures[architecture] : undefined;
  return known === undefined ? undefined : elfOf(known);
}

/** One segment that holds the whole file, headers included. */
function elfOf({ machine, bits, bigEndian = false, flags = 0, code }: Architecture): Uint8Array {
  const wide = bits === 64;
  const [header, segment] = wide ? [64, 56] : [52, 32];
  const size = header + segment + code.length;
  const bytes = Buffer.alloc(size);
  let at = 0;
  const put = (length: 1 | 2 | 4, value: number): void => {
    at = bigEndian ? bytes.writeUIntBE(value, at, length) : bytes.writeUIntLE(value, at, length);
  };
  const address = (value: number): void => {
    if (!wide) {
      put(4, value);
      return;
    }
    const halves = bigEndian ? [0, value] : [value, 0];
    for (const half of halves) put(4, half);
  };
  for (const byte of [0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, bigEndian ? 2 : 1, 1, 0]) put(1, byte);
  at = 16;
  put(2, 2); // ET_EXEC
  put(2, machine);
  put(4, 1);
  address(loadAddress + header + segment);
  address(header);
  address(0);
  put(4, flags);
  for (const value of [header, segment, 1, 0, 0, 0]) put(2, value);
  const [load, readAndExecute] = [1, 5];
  put(4, load);
  if (wide) put(4, readAndExecute);
  for (const value of [0, loadAddress, loadAddress, size, size]) address(value);
  if (!wide) put(4, readAndExecute);
  address(pageSize);
  bytes.set(code, header + segment);
  return bytes;
}
