import { createDigester, type Digest } from '../../core/index.ts';

type Scalar = string | number | null;
export type Row = readonly (Scalar | readonly (readonly Scalar[])[])[];

/** The digest of an array's canonical JSON, of which there is never more than a part at a time. */
export class RowDigest {
  readonly #digester = createDigester();
  #text = '[';
  #isFirst = true;

  add(row: readonly (Row | Row[number])[]): void {
    // An array without objects has no other JSON than its canonical one.
    const text = JSON.stringify(row);
    this.#text += this.#isFirst ? text : `,${text}`;
    this.#isFirst = false;
    if (this.#text.length < 1 << 16) return;
    this.#digester.update(this.#text);
    this.#text = '';
  }

  digest(): Digest {
    this.#digester.update(`${this.#text}]`);
    return this.#digester.digest();
  }
}
