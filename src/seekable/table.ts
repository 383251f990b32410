import type { ByteString, Digest } from '../core/index.ts';
import type { EntryPart } from './parts.ts';
import { Pile } from './pile.ts';
import { rowText } from './row-text.ts';
import { isSayable } from './sayable.ts';
import type { SeekableKind } from './types.ts';

/** A piece of a file's body that can be fetched alone. */
export interface Chunk {
  /** In the layer; bytes. */
  offset: number | undefined;
  /** In the file. */
  readonly at: number;
  size: number;
  digest: Digest | undefined;
}

/** An entry, as far as it is known. */
export interface Row {
  readonly entry: EntryPart;
  readonly chunks: Chunk[];
  digest: Digest | undefined;
  /** Where the last chunk ends in the layer. */
  end: number | undefined;
}

/** The table of contents, which grows in the order of the entries while their offsets come later. */
export class Table {
  readonly #kind: SeekableKind;
  readonly #pile = new Pile();
  readonly #waiting: Row[] = [];
  readonly #paths = new Set<ByteString>();
  #isFirst = true;
  #isLost = false;

  constructor(kind: SeekableKind) {
    this.#kind = kind;
    this.#pile.add('{"version":1,"entries":[');
  }

  /** Some entry is such that no table can say it: there is none of this layer. */
  get isLost(): boolean {
    return this.#isLost;
  }

  add(entry: EntryPart): Row {
    const row: Row = { entry, chunks: [], digest: undefined, end: undefined };
    // Readers take two entries of one path for an attack.
    if (!isSayable(entry) || this.#paths.has(entry.header.path)) this.#isLost = true;
    this.#paths.add(entry.header.path);
    if (!this.#isLost) this.#waiting.push(row);
    return row;
  }

  /** Writes down what is whole by now. */
  settle(): void {
    let whole = 0;
    for (const row of this.#waiting) {
      if (this.#isLost || !isWhole(row)) break;
      this.#pile.add(`${this.#isFirst ? '' : ','}${rowText(row, this.#kind)}`);
      this.#isFirst = false;
      whole += 1;
    }
    this.#waiting.splice(0, this.#isLost ? this.#waiting.length : whole);
  }

  /** The text, `more` members of its JSON object included. */
  finish(more: string): Pile {
    this.settle();
    if (this.#waiting.length > 0) throw new Error('a table of contents with entries whose place is unknown');
    this.#pile.add(`]${more}}`);
    return this.#pile;
  }
}

function isWhole({ entry, chunks, digest, end }: Row): boolean {
  if (entry.header.size === 0) return true;
  return digest !== undefined && end !== undefined && chunks.every(({ offset }) => offset !== undefined);
}
