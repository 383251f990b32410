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
  readonly #asked: number[] = [];
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
    this.#asked.push(at);
    return earlier.valueAt(at, key);
  }

  add(key: string, value: string): void {
    this.#news = true;
    // More are not kept.
    if (this.#now.count < mostRows) this.#now.add(key, value);
  }

  /** So many rows are still of use, though they were not asked for. */
  pass(rows: number): void {
    this.#passed += rows;
  }

  clear(): void {
    this.#now.clear();
    this.#asked.length = 0;
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
    const asked = new Set(this.#asked);
    const most = Math.min(mostRows, 2 * (asked.size + this.#now.count + this.#passed) + spareRows);
    const parts: string[] = [];
    for (const at of asked) parts.push(earlier.rowAt(at));
    parts.push(this.#now.text());
    let left = most - asked.size - this.#now.count;
    for (const at of earlier.all()) {
      if (left <= 0) break;
      if (asked.has(at)) continue;
      parts.push(earlier.rowAt(at));
      left -= 1;
    }
    return parts.join('');
  }

  #earlier(): StatRows {
    return (this.#loaded ??= new StatRows(this.#load() ?? ''));
  }
}
