import type { Digest } from '../core/index.ts';
import type { RecordFacts } from '../solver/index.ts';

export type Aged = Pick<RecordFacts, 'created' | 'inputKeys'>;

/** Says which results are too old to be used (--cache-ttl). */
export class ResultAge {
  /** Milliseconds since the epoch. */
  readonly #oldest: number | undefined;
  readonly #read: (key: Digest) => Promise<Aged | undefined>;
  /** What results stand on, where it and all below it is young: none of that ages within a build. */
  readonly #young = new Map<Digest, Aged>();

  /** `ttl` in milliseconds; without one nothing is too old. `read` finds records by their definition key. */
  constructor(ttl: number | undefined, read: (key: Digest) => Promise<Aged | undefined>) {
    this.#oldest = ttl === undefined ? undefined : Date.now() - ttl;
    this.#read = read;
  }

  /** Of the result alone: enough where what it stands on was looked at before, as for a content key. */
  isOver({ created }: Pick<Aged, 'created'>): boolean {
    return this.#oldest !== undefined && !(Date.parse(created) >= this.#oldest);
  }

  /**
   * Of the result, or of anything below it: a target is looked up first, and its hit asks nothing below it. What was made
   * again after the result counts, too: the result stands on the one before, which may have held something else.
   */
  async isOverAnywhere(record: Aged): Promise<boolean> {
    if (this.#oldest === undefined) return false;
    if (this.isOver(record)) return true;
    for (const { digest } of record.inputKeys) {
      const young = this.#young.get(digest);
      const below = young ?? (await this.#read(digest));
      if (below === undefined) continue;
      if (below.created > record.created) return true;
      if (young === undefined && (await this.isOverAnywhere(below))) return true;
      this.#young.set(digest, below);
    }
    return false;
  }
}
