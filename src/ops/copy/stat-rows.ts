/**
 * Rows of a key, a tab, a value, and a line's end, looked up in their text: a context is walked in the same order each
 * time, so that the row wanted is nearly always the next one. Only when it is not are all of them sorted into a map.
 */
export class StatRows {
  readonly #text: string;
  #next = 0;
  #map: ReadonlyMap<string, number> | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  get isEmpty(): boolean {
    return this.#text === '';
  }

  /** Offset of the row of that key. */
  find(key: string): number | undefined {
    const at = this.#isAt(this.#next, key) ? this.#next : this.#sorted().get(key);
    if (at !== undefined) this.#next = this.#endOf(at + key.length);
    return at;
  }

  valueAt(at: number, key: string): string {
    return this.#text.slice(at + key.length + 1, this.#endOf(at + key.length) - 1);
  }

  rowAt(at: number): string {
    return this.#text.slice(at, this.#endOf(at));
  }

  /** Offsets of all rows. */
  *all(): Iterable<number> {
    for (let at = 0; at < this.#text.length; at = this.#endOf(at)) yield at;
  }

  #isAt(at: number, key: string): boolean {
    return this.#text.startsWith(key, at) && this.#text[at + key.length] === '\t';
  }

  #sorted(): ReadonlyMap<string, number> {
    if (this.#map !== undefined) return this.#map;
    const map = new Map<string, number>();
    for (let at = 0; at < this.#text.length; at = this.#endOf(at)) {
      map.set(this.#text.slice(at, this.#text.indexOf('\t', at)), at);
    }
    return (this.#map = map);
  }

  /** Past the line's end; of the whole where there is none, as in no text that was written whole. */
  #endOf(at: number): number {
    const end = this.#text.indexOf('\n', at);
    return end < 0 ? this.#text.length : end + 1;
  }
}
