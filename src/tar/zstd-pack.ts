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
    const frame = Uint8Array.prototype.slice.call(room, 0, packed);
    this.#rooms.giveBack(room);
    return frame;
  }
}
