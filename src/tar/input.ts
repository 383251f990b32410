import { TsbuildError } from '../core/index.ts';

/**
 * The bytes of an archive, pulled chunk by chunk and handed on as slices: nothing is copied but what straddles two
 * chunks. The calls without a promise answer from the chunk at hand, which spares small entries all waiting.
 */
export interface TarInput extends AsyncDisposable {
  /** Exactly `length` bytes when they are at hand in one piece. */
  take(length: number): Uint8Array | undefined;
  /** Exactly `length` bytes, or what is left of the input when it ends before. */
  read(length: number): Promise<Uint8Array>;
  /** At least one and at most `length` bytes; undefined when the chunk at hand is used up. */
  some(length: number): Uint8Array | undefined;
  /** Brings in the next chunk once the one at hand is used up; false at the end of the input. */
  more(): Promise<boolean>;
  /** Drops bytes. Throws ARCHIVE_INVALID when the input ends before. */
  skip(length: number): Promise<void>;
  /** Bytes that were handed on or dropped up to now. */
  position(): number;
  /** Reads to the end of the input. */
  drain(): Promise<void>;
}

export function truncated(): TsbuildError {
  return new TsbuildError('ARCHIVE_INVALID', 'the archive ends in the middle of an entry', {
    hint: 'it was cut off; fetch or create it again',
  });
}

export function createTarInput(source: AsyncIterable<Uint8Array>, maxBytes: number): TarInput {
  const iterator = source[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array(0);
  let at = 0;
  let total = 0;
  let ended = false;

  async function more(): Promise<boolean> {
    while (at >= chunk.length && !ended) {
      const next = await iterator.next();
      if (next.done === true) {
        ended = true;
        break;
      }
      chunk = next.value;
      at = 0;
      total += chunk.length;
      if (total > maxBytes) {
        throw new TsbuildError('ARCHIVE_LIMIT', `the archive unpacks to more than ${maxBytes} bytes`);
      }
    }
    return at < chunk.length;
  }

  function some(length: number): Uint8Array | undefined {
    if (at >= chunk.length) return undefined;
    const piece = chunk.subarray(at, at + length);
    at += piece.length;
    return piece;
  }

  function take(length: number): Uint8Array | undefined {
    return chunk.length - at >= length ? (some(length) ?? new Uint8Array(0)) : undefined;
  }

  return {
    take,
    some,
    more,
    async read(length) {
      const pieces: Uint8Array[] = [];
      let missing = length;
      while (missing > 0 && (await more())) {
        const piece = some(missing) ?? new Uint8Array(0);
        missing -= piece.length;
        pieces.push(piece);
      }
      return pieces.length === 1 ? (pieces[0] ?? new Uint8Array(0)) : Buffer.concat(pieces);
    },
    async skip(length) {
      let missing = length;
      while (missing > 0) {
        if (!(await more())) throw truncated();
        missing -= some(missing)?.length ?? 0;
      }
    },
    position: () => total - (chunk.length - at),
    async drain() {
      do at = chunk.length;
      while (await more());
    },
    async [Symbol.asyncDispose]() {
      chunk = new Uint8Array(0);
      at = 0;
      const wasOpen = !ended;
      ended = true;
      if (wasOpen) await iterator.return?.();
    },
  };
}
