/** Classic BPF as struct sock_filter of linux/filter.h, as far as seccomp filters need it. */

export const BPF_LD_W_ABS = 0x20;
export const BPF_JMP_JA = 0x05;
export const BPF_JMP_JEQ_K = 0x15;
export const BPF_JMP_JGT_K = 0x25;
export const BPF_JMP_JGE_K = 0x35;
export const BPF_ALU_AND_K = 0x54;
export const BPF_RET_K = 0x06;

/** The kernel refuses longer programs. */
export const BPF_MAXINSNS = 4096;

/** Jump offsets of conditional instructions are one byte. */
const maxOffset = 255;

interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** A place in the program that is being written, to jump to. */
export type Label = number & { readonly __label: true };

/**
 * Writes a program from its end to its beginning: BPF only jumps forward, so that in this order every target is known.
 * A `Label` counts instructions from the end. A load or mask runs on into what was written just before it.
 */
export class BackwardWriter {
  readonly #reversed: Instruction[] = [];
  readonly #returns = new Map<number, Label>();

  /** The place of the instruction that was written last. */
  get here(): Label {
    return (this.#reversed.length - 1) as Label;
  }

  load(offset: number): Label {
    return this.#write({ code: BPF_LD_W_ABS, jt: 0, jf: 0, k: offset });
  }

  and(mask: number): Label {
    return this.#write({ code: BPF_ALU_AND_K, jt: 0, jf: 0, k: mask });
  }

  /** A return of this value that a condition written next can reach; one a little further on is used again. */
  ret(value: number): Label {
    const known = this.#returns.get(value);
    // Two jumps of one condition may each need a detour before it.
    if (known !== undefined && this.#offset(known) + 2 <= maxOffset) return known;
    const label = this.#write({ code: BPF_RET_K, jt: 0, jf: 0, k: value });
    this.#returns.set(value, label);
    return label;
  }

  /** `code` is one of the JMP codes; what lies too far away is reached through an unconditional jump. */
  jump(code: number, k: number, [whenTrue, whenFalse]: readonly [Label, Label]): Label {
    const no = this.#reachable(whenFalse, 1);
    const yes = this.#reachable(whenTrue, 0);
    return this.#write({ code, jt: this.#offset(yes), jf: this.#offset(no), k });
  }

  /** Makes the label the place that the next instruction runs on into. */
  continueAt(label: Label): void {
    if (label !== this.here) this.#write({ code: BPF_JMP_JA, jt: 0, jf: 0, k: this.#offset(label) });
  }

  get length(): number {
    return this.#reversed.length;
  }

  /** The program, first instruction first, in the byte order of x86-64 and arm64. */
  bytes(): Buffer {
    const program = Buffer.alloc(this.#reversed.length * 8);
    this.#reversed.toReversed().forEach(({ code, jt, jf, k }, index) => {
      program.writeUInt16LE(code, index * 8);
      program.writeUInt8(jt, index * 8 + 2);
      program.writeUInt8(jf, index * 8 + 3);
      program.writeUInt32LE(k >>> 0, index * 8 + 4);
    });
    return program;
  }

  /** The label itself, or that of a jump to it; `later` instructions may still come before the condition. */
  #reachable(label: Label, later: number): Label {
    if (this.#offset(label) + later <= maxOffset) return label;
    return this.#write({ code: BPF_JMP_JA, jt: 0, jf: 0, k: this.#offset(label) });
  }

  /** Instructions between one written next and the label. */
  #offset(label: Label): number {
    return this.#reversed.length - 1 - label;
  }

  #write(instruction: Instruction): Label {
    this.#reversed.push(instruction);
    return this.here;
  }
}
