import { NewRows } from './new-rows.ts';
import { StatRows } from './stat-rows.ts';

const mostRows = 200_000;
const spareRows = 20_000;

/** Keys and values of this build and, read when first needed, of earlier ones. Neither holds a tab or a line's end. */
export class RowCache {
  readonly #load: () => string | undefined;
  #loaded: StatRows | undefined;
  /** What this build added; where earlier rows begin that were asked for. */
  readonly #now = new NewRows();
  readonly #asked = new Set<number>();
  #passed = 0;
  #news = false;

  /** Whether anything is to be kept that is not kept yet. */
  get news(): boolean {
    return this.#news;
  }

  constructor(load: () => string | undefined) {
    this.#load = load;
  }

  find(key: string): string | undefined {
    const earlier = this.#earlier();
    const at = earlier.find(key);
    if (at === undefined) return this.#now.find(key);
    this.#asked.add(at);
    return earlier.valueAt(at, key);
  }

  add(key: string, value: string): void {
    this.#news = true;
    // More are not kept.
    if (this.#asked.size + this.#now.count < mostRows) this.#now.add(key, value);
  }

  /** So many rows are still of use, though they were not asked for. */
  pass(rows: number): void {
    this.#passed += rows;
  }

  clear(): void {
    this.#now.clear();
    this.#asked.clear();
    this.#passed = 0;
    this.#loaded = new StatRows('');
    this.#news = true;
  }

  /** Whether an earlier build left any. */
  hasEarlier(): boolean {
    return !this.#earlier().isEmpty;
  }

  /**
   * What is to be kept, those of this build first; undefined when nothing is new. What other steps asked for earlier
   * stays, but not so much that what is long gone would fill it.
   */
  rows(): string | undefined {
    if (!this.#news) return undefined;
    const earlier = this.#earlier();
    const asked = this.#asked;
    const most = Math.min(mostRows, 2 * (asked.size + this.#now.count + this.#passed) + spareRows);
    let left = most - this.#now.count;
    const taken = (rows: Iterable<number>, isTaken: (at: number) => boolean): string[] => {
      const parts: string[] = [];
      for (const at of rows) {
        if (left <= 0) break;
        if (!isTaken(at)) continue;
        parts.push(earlier.rowAt(at));
        left -= 1;
      }
      return parts;
    };
    const inUse = taken(asked, () => true);
    const others = taken(earlier.all(), (at) => !asked.has(at));
    return [...inUse, this.#now.text(), ...others].join('');
  }

  #earlier(): StatRows {
    return (this.#loaded ??= new StatRows(this.#load() ?? ''));
  }
}
