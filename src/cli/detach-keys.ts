import { TsbuildError } from '../core/index.ts';

/** ctrl-p, ctrl-q. */
export const defaultDetachKeys: readonly number[] = [16, 17];

/** docker's format: single characters and `ctrl-<letter>`, or one of `@[\]^_` behind `ctrl-`, with commas. Throws USAGE. */
export function parseDetachKeys(text: string): readonly number[] {
  return text.split(',').map((word) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(word)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\x20-\x7e]$/.test(word)) return word.charCodeAt(0);
    throw new TsbuildError('USAGE', `--detach-keys: invalid value ${JSON.stringify(text)}`, {
      hint: 'expected keys with commas between them, such as ctrl-p,ctrl-q',
    });
  });
}

/** Looks for the keys in what is typed; what may be their beginning is held back until the next key tells. */
export class DetachKeys {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** What goes on to the program, and whether the keys were typed: then nothing after them does. */
  push(typed: Buffer): { readonly bytes: Buffer; readonly detached: boolean } {
    const bytes: number[] = [];
    for (const key of typed) {
      if (key !== this.#keys[this.#matched]) {
        bytes.push(...this.#keys.slice(0, this.#matched));
        this.#matched = 0;
      }
      if (key !== this.#keys[this.#matched]) bytes.push(key);
      else this.#matched++;
      if (this.#matched > 0 && this.#matched === this.#keys.length) {
        this.#matched = 0;
        return { bytes: Buffer.from(bytes), detached: true };
      }
    }
    return { bytes: Buffer.from(bytes), detached: false };
  }
}
