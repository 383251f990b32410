/**
 * Rows of a key, a tab, a value, and a line's end, found by their keys. They are the bytes of one buffer, and a table of
 * where they begin: as strings in a map each would take three times the memory, for every file of a context.
 */
export class NewRows {
  #bytes = Buffer.allocUnsafeSlow(1 << 16);
  #used = 0;
  /** By the hash of a row's key, one more than where the row begins; 0 where there is none. */
  #slots = new Uint32Array(1 << 10);
  #count = 0;
  #hasGaps = false;

  get count(): number {
    return this.#count;
  }

  find(key: string): string | undefined {
    if (this.#count === 0) return undefined;
    const at = (this.#slots[this.#slotOf(key)] ?? 0) - 1;
    if (at < 0) return undefined;
    return this.#bytes.toString('latin1', at + key.length + 1, this.#bytes.indexOf(lineEnd, at));
  }

  /** In the place of an earlier row of that key. */
  add(key: string, value: string): void {
    if (2 * this.#count >= this.#slots.length) this.#widen();
    const slot = this.#slotOf(key);
    const earlier = (this.#slots[slot] ?? 0) - 1;
    if (earlier >= 0) {
      this.#bytes.fill(lineEnd, earlier, this.#bytes.indexOf(lineEnd, earlier));
      this.#hasGaps = true;
    } else {
      this.#count += 1;
    }
    this.#slots[slot] = this.#used + 1;
    this.#used += this.#write(`${key}\t${value}\n`);
  }

  clear(): void {
    this.#used = 0;
    this.#count = 0;
    this.#hasGaps = false;
    this.#slots.fill(0);
  }

  /** In the order in which they were added. */
  text(): string {
    const text = this.#bytes.toString('latin1', 0, this.#used);
    return this.#hasGaps ? text.replace(/\n\n+/g, '\n').replace(/^\n/, '') : text;
  }

  /** The slot of that key, or the empty one that it would take. The key is written behind the rows to be compared. */
  #slotOf(key: string): number {
    const length = this.#write(`${key}\t`);
    const end = this.#used + length;
    const mask = this.#slots.length - 1;
    for (let slot = this.#hash(this.#used) & mask; ; slot = (slot + 1) & mask) {
      const at = (this.#slots[slot] ?? 0) - 1;
      if (at < 0 || this.#bytes.compare(this.#bytes, at, at + length, this.#used, end) === 0) return slot;
    }
  }

  #write(text: string): number {
    if (this.#used + text.length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#bytes.length + text.length);
      this.#bytes.copy(larger, 0, 0, this.#used);
      this.#bytes = larger;
    }
    return this.#bytes.write(text, this.#used, 'latin1');
  }

  /** FNV-1a of the key that begins there. */
  #hash(at: number): number {
    const bytes = this.#bytes;
    let hash = 0x811c9dc5;
    for (let i = at; bytes[i] !== tab; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
    return hash ^ (hash >>> 15);
  }

  #widen(): void {
    const earlier = this.#slots;
    this.#slots = new Uint32Array(2 * earlier.length);
    const mask = this.#slots.length - 1;
    for (const taken of earlier) {
      if (taken === 0) continue;
      let slot = this.#hash(taken - 1) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = taken;
    }
  }
}

const tab = 0x09;
const lineEnd = 0x0a;
