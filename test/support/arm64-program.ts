/**
 * A static program for arm64 that writes what uname(2) calls the machine into `/machine`: eight bytes, `aarch64` and a
 * zero. It stands in for an image's files, so that tests need none of another architecture.
 */
export function arm64Program(): Buffer {
  const svc = 0xd4000001;
  const mov = (register: number, value: number): number => (0xd2800000 | (value << 5) | register) >>> 0;
  const path = Buffer.from('/machine\0');
  const code = [
    0xd10803ff, // sub sp, sp, #512
    0x910003e0, // mov x0, sp
    mov(8, 160), // uname
    svc,
    (0x92800000 | (99 << 5)) >>> 0, // mov x0, #-100: AT_FDCWD
    0, // adr x1, path
    mov(2, 0o1101), // O_WRONLY | O_CREAT | O_TRUNC
    mov(3, 0o644),
    mov(8, 56), // openat
    svc,
    0x910413e1, // add x1, sp, #260: utsname.machine
    mov(2, 8),
    mov(8, 64), // write
    svc,
    mov(0, 0),
    mov(8, 93), // exit
    svc,
  ];
  const distance = (code.length - 5) * 4;
  code[5] = (0x10000001 | ((distance >> 2) << 5)) >>> 0;
  const text = Buffer.alloc(code.length * 4);
  for (const [at, word] of code.entries()) text.writeUInt32LE(word, at * 4);
  return elfOf(Buffer.concat([text, path]));
}

/** elf(5) for arm64: one header and one segment, which holds the whole file. */
function elfOf(body: Buffer): Buffer {
  const [headers, address] = [120, 0x400000];
  const size = headers + body.length;
  const bytes = Buffer.alloc(headers);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(bytes);
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(183, 18);
  bytes.writeUInt32LE(1, 20);
  for (const [at, value] of [
    [24, address + headers],
    [32, 64],
    [80, address],
    [88, address],
    [96, size],
    [104, size],
    [112, 0x10000],
  ] as const)
    bytes.writeBigUInt64LE(BigInt(value), at);
  for (const [at, value] of [
    [52, 64],
    [54, 56],
    [56, 1],
  ] as const)
    bytes.writeUInt16LE(value, at);
  bytes.writeUInt32LE(1, 64);
  bytes.writeUInt32LE(5, 68);
  return Buffer.concat([bytes, body]);
}
