import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

import { createDigester, type Digest } from '../core/index.ts';

const sheetBytes = 2 ** 20;

/** A long text that is written once and read once, kept packed: a table of a million files has 400 MB. */
export class Pile {
  readonly #packed: Buffer[] = [];
  readonly #digester = createDigester();
  #open: string[] = [];
  #openLength = 0;
  #size = 0;

  add(text: string): void {
    this.#open.push(text);
    this.#openLength += text.length;
    if (this.#openLength >= sheetBytes) this.#close();
  }

  /** All of it; bytes. Nothing is added afterwards. */
  finish(): { readonly size: number; readonly digest: Digest } {
    this.#close();
    return { size: this.#size, digest: this.#digester.digest() };
  }

  *sheets(): Generator<Buffer, void, undefined> {
    for (const packed of this.#packed) yield zstdDecompressSync(packed);
  }

  #close(): void {
    const sheet = Buffer.from(this.#open.join(''), 'utf8');
    this.#open = [];
    this.#openLength = 0;
    this.#size += sheet.length;
    this.#digester.update(sheet);
    this.#packed.push(zstdCompressSync(sheet));
  }
}
