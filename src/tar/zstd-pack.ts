import { constants, zstdCompress } from 'node:zlib';

import { zstdFrame, zstdRoom } from '../sys/index.ts';
import { PieceMemory } from './side-by-side.ts';

/** Packs bytes to zstd frames in other threads. */
export class FramePacker {
  readonly #rooms: PieceMemory;
  readonly #level: number;

  /** For up to so many bytes a frame. */
  constructor(size: number, level: number) {
    this.#rooms = new PieceMemory(zstdRoom(size));
    this.#level = level;
  }

  async pack(bytes: Uint8Array): Promise<Uint8Array> {
    const room = this.#rooms.take();
    const packed = await zstdFrame(room, { bytes, level: this.#level });
    const frame =
      packed === undefined
        ? await slowFrame(bytes, this.#level)
        : Uint8Array.prototype.slice.call(room, 0, packed);
    this.#rooms.giveBack(room);
    return frame;
  }
}

/** The same frame by Node's own call, which makes a context for each and copies all bytes twice. */
function slowFrame(piece: Uint8Array, level: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
  zstdCompress(piece, { params }, (error, bytes) => {
    if (error === null) resolve(bytes);
    else reject(error);
  });
  return promise;
}
