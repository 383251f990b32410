import { toText, type ByteString } from '../core/index.ts';
import { Crc64 } from './crc64.ts';
import { Pile } from './pile.ts';

/** Kinds of lines (tar-split, tar/storage). */
const fileLine = 1;
const segmentLine = 2;

/**
 * What is left of a tar without the bodies of its files, as vbatts/tar-split writes it: with it an engine that fetched
 * single files makes the tar again, byte for byte.
 */
export class TarSplit {
  readonly #pile = new Pile();
  #position = 0;
  #checksum = new Crc64();

  /** Bytes of the tar that are no file's; all between two bodies in one. */
  segment(bytes: Uint8Array): void {
    this.#line({ type: segmentLine, payload: Buffer.from(bytes).toString('base64') });
  }

  body(bytes: Uint8Array): void {
    this.#checksum.update(bytes);
  }

  /** The end of an entry, also of one without a body. */
  file(name: ByteString, size: number): void {
    const isEmpty = size === 0;
    const payload = isEmpty ? null : this.#checksum.digest().toString('base64');
    this.#line({ type: fileLine, name: toText(name), size: isEmpty ? undefined : size, payload });
    this.#checksum = new Crc64();
  }

  get pile(): Pile {
    return this.#pile;
  }

  #line(entry: object): void {
    this.#pile.add(`${JSON.stringify({ ...entry, position: this.#position })}\n`);
    this.#position += 1;
  }
}
