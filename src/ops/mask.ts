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

  constructor(secrets: Iterable<Uint8Array>) {
    const values = new Set<string>();
    for (const secret of secrets) {
      const value = Buffer.from(secret).toString('latin1').trim();
      if (value.length >= shortest) values.add(value);
      for (const line of value.split(/\r?\n/)) if (line.length >= shortestLine) values.add(line);
    }
    // The whole before its parts.
    this.#values = [...values].sort((a, b) => b.length - a.length);
  }

  push(chunk: Uint8Array): Uint8Array {
    if (this.#values.length === 0) return chunk;
    const text = this.#hide(this.#kept + Buffer.from(chunk).toString('latin1'));
    const cut = text.length - this.#possibleStart(text);
    this.#kept = text.slice(cut);
    return Buffer.from(text.slice(0, cut), 'latin1');
  }

  end(): Uint8Array {
    const rest = this.#kept;
    this.#kept = '';
    return Buffer.from(rest, 'latin1');
  }

  #hide(text: string): string {
    return this.#values.reduce((shown, value) => shown.replaceAll(value, '****'), text);
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
