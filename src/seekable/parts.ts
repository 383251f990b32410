import { TsbuildError } from '../core/index.ts';
import { readTar, type TarHeader, type TarWording } from '../tar/index.ts';

/** What an entry is, and all its headers as bytes. */
export interface EntryPart {
  readonly kind: 'entry';
  /** After the body of the entry before. */
  readonly padding: Uint8Array;
  readonly head: Uint8Array;
  readonly header: TarHeader;
  readonly wording: TarWording;
}

export type TarPart =
  | EntryPart
  /** Some of the body of the entry before; good until the next part is asked for. */
  | { readonly kind: 'body'; readonly bytes: Uint8Array }
  /** What follows the last body; the end mark and all after it. */
  | { readonly kind: 'end'; readonly padding: Uint8Array; readonly rest: Uint8Array };

export const blockSize = 512;

export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/** A tar in the parts of which it is made: together they are its bytes. Throws as reading tars does. */
export async function* tarParts(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarPart, void, undefined> {
  const trail = new Trail();
  let read = 0;
  let padded = 0;
  for await (const entry of readTar(trail.follow(source))) {
    const { header, bodyAt } = entry;
    const between = trail.take(bodyAt - read);
    yield {
      kind: 'entry',
      padding: between.subarray(0, padded),
      head: between.subarray(padded),
      header,
      wording: entry.wording(),
    };
    for await (const bytes of entry.chunks()) {
      trail.take(bytes.length);
      yield { kind: 'body', bytes };
    }
    read = bodyAt + header.size;
    padded = paddingOf(header.size);
  }
  const rest = trail.take(Number.POSITIVE_INFINITY);
  yield { kind: 'end', padding: rest.subarray(0, padded), rest: rest.subarray(padded) };
}

/** No tar has more of what is not a body in one place, but those that were made to fill memories. */
const longest = 64 * 2 ** 20;

/** The bytes that a reader has had and whose meaning is not known yet. */
class Trail {
  #chunks: Uint8Array[] = [];
  #size = 0;

  /** The chunks are copies: the source may use its own again, and the reader is ahead. */
  async *follow(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of source) {
      const copy = Uint8Array.prototype.slice.call(chunk);
      this.#chunks.push(copy);
      this.#size += copy.length;
      if (this.#size > longest) {
        throw new TsbuildError('ARCHIVE_LIMIT', `a layer has more than ${longest} bytes between two files`);
      }
      yield copy;
    }
  }

  /** The next bytes, or all there are. */
  take(length: number): Uint8Array {
    const pieces: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      const [first] = this.#chunks;
      if (first === undefined) break;
      const piece = first.subarray(0, missing);
      if (piece.length === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(piece.length);
      missing -= piece.length;
      this.#size -= piece.length;
      pieces.push(piece);
    }
    const [only] = pieces;
    return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
  }
}
