import { availableParallelism } from 'node:os';

/** Packs pieces on as many threads as there are processors; what comes of them, in their order. `pack` is called in that order, too. */
export async function* sideBySide<Piece, Packed>(
  source: AsyncIterable<Piece> | Iterable<Piece>,
  pack: (piece: Piece) => Promise<Packed>,
): AsyncGenerator<Packed, void, undefined> {
  const limit = availableParallelism() + 1;
  const running: Promise<Packed>[] = [];
  try {
    for await (const piece of source) {
      const packing = pack(piece);
      packing.catch(() => undefined); // it may fail while an older one is waited for
      running.push(packing);
      const oldest = running.length >= limit ? running.shift() : undefined;
      if (oldest !== undefined) yield await oldest;
    }
    for (let next = running.shift(); next !== undefined; next = running.shift()) yield await next;
  } finally {
    // When the reader or the source gives up, the pieces under way must not fail unheard.
    await Promise.allSettled(running);
  }
}

/** Used again and again: with new memory for every piece, V8 would look for garbage every 30 ms. */
export class PieceMemory {
  readonly #size: number;
  readonly #spare: Buffer[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#size);
  }

  /** The beginning of what was taken is enough. */
  giveBack(part: Uint8Array): void {
    this.#spare.push(Buffer.from(part.buffer));
  }
}
