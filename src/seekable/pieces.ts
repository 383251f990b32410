import type { PieceMemory } from '../tar/index.ts';

/** What is packed at once. */
export interface Piece {
  /** From the owner of the memory, who gets it back. */
  readonly bytes: Uint8Array;
  /** How many of the bytes were in the piece before. */
  readonly known: number;
  /** The first of a member or frame, the last of it. */
  readonly begins: boolean;
  readonly ends: boolean;
  /** Told where the packed piece begins and ends, when it is known. */
  readonly placed: readonly Placed[];
}

export type Placed = (start: number, end: number) => void;

/** Gathers bytes to pieces: full ones, and shorter ones where a member is to end. */
export class PieceFiller {
  readonly #memory: PieceMemory;
  readonly #size: number;
  readonly #overlap: number;
  #buffer: Buffer | undefined;
  #known = 0;
  #used = 0;
  #begins = true;
  #placed: Placed[] = [];

  /** With an overlap a piece begins with the end of the one before, unless it begins a member. */
  constructor(memory: PieceMemory, { size, overlap }: { readonly size: number; readonly overlap: number }) {
    this.#memory = memory;
    this.#size = size;
    this.#overlap = overlap;
  }

  *add(bytes: Uint8Array): Generator<Piece, void, undefined> {
    for (let at = 0; at < bytes.length;) {
      // Not before more comes: the last piece of a member must know that it is.
      if (this.#used === this.#known + this.#size) yield this.#piece(false);
      const buffer = (this.#buffer ??= this.#memory.take());
      const part = bytes.subarray(at, at + this.#known + this.#size - this.#used);
      buffer.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
    }
  }

  /** Ends the member, if it has begun. `placed` is told of its last piece. */
  *cut(placed?: Placed): Generator<Piece, void, undefined> {
    if (this.#used === this.#known) return;
    if (placed !== undefined) this.#placed.push(placed);
    yield this.#piece(true);
  }

  /** Whoever wants to know where the piece that is being filled begins. */
  watch(placed: Placed): void {
    this.#placed.push(placed);
  }

  #piece(ends: boolean): Piece {
    const buffer = this.#buffer ?? this.#memory.take();
    const [used, known, begins, placed] = [this.#used, this.#known, this.#begins, this.#placed];
    this.#begins = ends;
    this.#placed = [];
    this.#known = ends ? 0 : this.#overlap;
    this.#used = this.#known;
    this.#buffer = undefined;
    if (this.#known > 0) {
      this.#buffer = this.#memory.take();
      this.#buffer.set(buffer.subarray(used - this.#known, used));
    }
    return { bytes: buffer.subarray(0, used), known, begins, ends, placed };
  }
}
