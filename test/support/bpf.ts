/** struct seccomp_data of linux/seccomp.h. */
export interface SeccompData {
  readonly number: number;
  readonly audit: number;
  /** Six 64-bit registers. */
  readonly args: readonly bigint[];
}

interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** The instructions of a program made of struct sock_filter. */
export function decodeBpf(program: Buffer): Instruction[] {
  return Array.from({ length: program.length / 8 }, (_, index) => ({
    code: program.readUInt16LE(index * 8),
    jt: program.readUInt8(index * 8 + 2),
    jf: program.readUInt8(index * 8 + 3),
    k: program.readUInt32LE(index * 8 + 4),
  }));
}

export interface BpfResult {
  readonly value: number;
  /** Instructions executed. */
  readonly steps: number;
}

/** Runs a seccomp filter as the kernel's interpreter does; throws on anything that its checker refuses. */
export function runBpf(program: readonly Instruction[], data: SeccompData): BpfResult {
  const memory = Buffer.alloc(64);
  memory.writeUInt32LE(data.number, 0);
  memory.writeUInt32LE(data.audit, 4);
  data.args.forEach((arg, index) => memory.writeBigUInt64LE(arg, 16 + index * 8));
  let accumulator = 0;
  let at = 0;
  for (let steps = 1; ; steps++) {
    const instruction = program[at++];
    if (instruction === undefined) throw new Error(`jump out of the program to ${at - 1}`);
    const { code, jt, jf, k } = instruction;
    switch (code) {
      case 0x20:
        if (k % 4 !== 0 || k >= memory.length) throw new Error(`load from ${k}`);
        accumulator = memory.readUInt32LE(k);
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
        at += accumulator === k ? jt : jf;
        break;
      case 0x25:
        at += accumulator > k ? jt : jf;
        break;
      case 0x35:
        at += accumulator >= k ? jt : jf;
        break;
      case 0x06:
        return { value: k, steps };
      default:
        throw new Error(`instruction ${code.toString(16)}`);
    }
  }
}

/** One line an instruction, jump targets as absolute positions. */
export function disassembleBpf(program: readonly Instruction[]): string {
  const lines = program.map(
    ({ code, jt, jf, k }, at) => `${String(at).padStart(4)}  ${text(code, k, { at, jt, jf })}`,
  );
  return `${lines.join('\n')}\n`;
}

function text(code: number, k: number, { at, jt, jf }: { at: number; jt: number; jf: number }): string {
  const hex = `0x${k.toString(16)}`;
  const targets = `${at + 1 + jt} else ${at + 1 + jf}`;
  switch (code) {
    case 0x20:
      return `load ${['number', 'arch'][k / 4] ?? `arg${(k - 16) >> 3}.${k % 8 === 0 ? 'low' : 'high'}`}`;
    case 0x54:
      return `and ${hex}`;
    case 0x05:
      return `goto ${at + 1 + k}`;
    case 0x15:
      return `if = ${hex} goto ${targets}`;
    case 0x25:
      return `if > ${hex} goto ${targets}`;
    case 0x35:
      // Only numbers are compared so at the top of the filter, and people know them in decimal.
      return `if >= ${k < 0x10000 ? k : hex} goto ${targets}`;
    case 0x06:
      return `return ${hex}`;
    default:
      return `unknown ${code.toString(16)}`;
  }
}
