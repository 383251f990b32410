/** Shorter values would hide half of any output, and secrets of that length are none. */
const shortest = 4;

/** Lines of a value, such as a key file, are hidden one by one from this length on. */
const shortestLine = 8;

/**
 * Hides secrets in a stream of output (S-62), wherever the chunks are cut. What may be the beginning of one waits for
 * the next chunk, or for `end`.
 */
export class SecretMask {
  readonly #values: readonly string[];
  #kept = '';
  /** How much of it is of a secret that was shown as hidden already. */
  #told = 0;

  constructor(secrets: Iterable<Uint8Array>) {
    const values = new Set<string>();
    for (const secret of secrets) {
      const value = Buffer.from(secret).toString('latin1').trim();
      if (value.length >= shortest) values.add(value);
      for (const line of value.split(/\r?\n/)) if (line.length >= shortestLine) values.add(line);
    }
    this.#values = [...values];
  }

  push(chunk: Uint8Array): Uint8Array {
    if (this.#values.length === 0) return chunk;
    const text = this.#kept + Buffer.from(chunk).toString('latin1');
    return this.#show(text, text.length - this.#possibleStart(text));
  }

  end(): Uint8Array {
    return this.#show(this.#kept, this.#kept.length);
  }

  /** The text up to the cut; what lies behind it is kept as it came, since a longer secret may begin with a shorter one. */
  #show(text: string, cut: number): Uint8Array {
    let shown = '';
    let at = 0;
    for (const { start, end } of this.#secretsIn(text)) {
      if (start >= cut) break;
      shown += text.slice(at, start) + (start < this.#told ? '' : '****');
      at = end;
    }
    if (at < cut) shown += text.slice(at, cut);
    this.#told = Math.max(0, at - cut);
    this.#kept = text.slice(cut);
    return Buffer.from(shown, 'latin1');
  }

  /** In their order; those that overlap are one. */
  #secretsIn(text: string): readonly Range[] {
    const found: Range[] = this.#told > 0 ? [{ start: 0, end: this.#told }] : [];
    for (const value of this.#values) {
      for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + value.length))
        found.push({ start: at, end: at + value.length });
    }
    const joined: Range[] = [];
    for (const range of found.sort((one, other) => one.start - other.start)) {
      const last = joined.at(-1);
      if (last === undefined || range.start >= last.end) joined.push(range);
      else joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    }
    return joined;
  }

  /** Length of the longest end of the text that a secret begins with. */
  #possibleStart(text: string): number {
    const starts = this.#values.map((value) => {
      for (let length = Math.min(value.length - 1, text.length); length > 0; length--) {
        if (text.endsWith(value.slice(0, length))) return length;
      }
      return 0;
    });
    return Math.max(0, ...starts);
  }
}

interface Range {
  readonly start: number;
  readonly end: number;
}
