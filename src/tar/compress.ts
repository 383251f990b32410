import { availableParallelism } from 'node:os';
import { crc32, constants, zstdCompress } from 'node:zlib';

import { deflatePiece, deflateRoom, zstdFrame, zstdRoom } from '../sys/index.ts';

/** The lowest level is 1. */
export const highestLevels = { gzip: 9, zstd: 22 } as const;

export interface CompressOptions {
  readonly compression: 'gzip' | 'zstd';
  /** 1…9 for gzip, 1…22 for zstd; 2 and 3 unless told: beyond, a few per cent of size cost twice the time. */
  readonly level?: number | undefined;
}

/** Fixed, since the compressed bytes depend on them: where a piece ends, a deflate block or a zstd frame ends. */
const gzipPieces = { size: 2 ** 20, overlap: 32 * 1024 };
/** Frames know nothing of each other: smaller ones would compress less. */
const zstdPieces = { size: 2 ** 21, overlap: 0 };

/**
 * Compresses a stream; the same bytes, options and library version give the same output, however the source is cut
 * into chunks and however many processors there are. No time and no name are recorded.
 */
export function compress(
  source: AsyncIterable<Uint8Array>,
  { compression, level }: CompressOptions,
): AsyncIterable<Uint8Array> {
  return compression === 'gzip' ? gzip(source, level ?? 2) : zstd(source, level ?? 3);
}

/** Frames side by side, which every reader takes for one stream (RFC 8878, 3.1). */
async function* zstd(
  source: AsyncIterable<Uint8Array>,
  level: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const memory = new Memory(zstdPieces.size);
  const rooms = new Memory(zstdRoom(zstdPieces.size));
  let frames = 0;
  const pack = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const room = rooms.take();
    const packed = await zstdFrame(room, { bytes, level });
    const frame = packed === undefined ? await slowFrame(bytes, level) : copyOf(room, packed);
    rooms.giveBack(room);
    return frame;
  };
  yield* sideBySide(inPieces(source, zstdPieces, memory), async ({ bytes }) => {
    frames += 1;
    const frame = await pack(bytes);
    memory.giveBack(bytes);
    return frame;
  });
  // Nothing at all is no stream.
  if (frames === 0) yield await pack(Buffer.alloc(0));
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

/**
 * One gzip member made of pieces that are deflated side by side, each primed with the end of the piece before, as
 * pigz does: a plain stream for every reader, in a fraction of the time.
 */
async function* gzip(
  source: AsyncIterable<Uint8Array>,
  level: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  // Deflate, no flags, no time, no extra flags, made on Unix (RFC 1952, 2.3).
  yield Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3);
  const memory = new Memory(gzipPieces.overlap + gzipPieces.size);
  const rooms = new Memory(deflateRoom(gzipPieces.size));
  let checksum = 0;
  let size = 0;
  yield* sideBySide(inPieces(source, gzipPieces, memory), async ({ bytes, known }) => {
    const plain = bytes.subarray(known);
    checksum = crc32(plain, checksum);
    size += plain.length;
    const room = rooms.take();
    const packed = await deflatePiece(room, { bytes, known, level });
    memory.giveBack(bytes);
    const result = copyOf(room, packed);
    rooms.giveBack(room);
    return result;
  });
  const end = Buffer.alloc(10);
  // An empty final block: every piece ends open, on a byte's border.
  end.writeUInt16LE(0x0003, 0);
  end.writeUInt32LE(checksum, 2);
  end.writeUInt32LE(size % 2 ** 32, 6);
  yield end;
}

function copyOf(room: Uint8Array, length: number): Uint8Array {
  return Uint8Array.prototype.slice.call(room, 0, length);
}

/** Packs pieces on as many threads as there are processors; what comes of them, in their order. */
async function* sideBySide(
  source: AsyncIterable<Piece>,
  pack: (piece: Piece) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const limit = availableParallelism() + 1;
  const running: Promise<Uint8Array>[] = [];
  try {
    for await (const piece of source) {
      const packing = pack(piece);
      packing.catch(() => undefined); // it may fail while an older one is waited for
      running.push(packing);
      const oldest = running.length >= limit ? running.shift() : undefined;
      if (oldest !== undefined) yield await oldest;
    }
    for (let next = running.shift(); next !== undefined; next = running.shift()) yield await next;
  } finally {
    // When the reader or the source gives up, the pieces under way must not fail unheard.
    await Promise.allSettled(running);
  }
}

/** Used again and again: with new memory for every piece, V8 would look for garbage every 30 ms. */
class Memory {
  readonly #size: number;
  readonly #spare: Buffer[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#size);
  }

  /** The beginning of what was taken is enough. */
  giveBack(part: Uint8Array): void {
    this.#spare.push(Buffer.from(part.buffer));
  }
}

interface Piece {
  /** The memory's owner gets it back from whoever has read it. */
  readonly bytes: Uint8Array;
  /** How many of its bytes the piece before ended with. */
  readonly known: number;
}

/** The stream in pieces of exactly that size, the last one excepted, each after the end of the one before. */
async function* inPieces(
  source: AsyncIterable<Uint8Array>,
  { size, overlap }: { readonly size: number; readonly overlap: number },
  memory: Memory,
): AsyncGenerator<Piece, void, undefined> {
  let piece = memory.take();
  let known = 0;
  let used = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + known + size - used);
      piece.set(part, used);
      used += part.length;
      at += part.length;
      if (used < known + size) continue;
      yield { bytes: piece.subarray(0, used), known };
      const next = memory.take();
      // Whoever has given the piece back has not changed it.
      next.set(piece.subarray(used - overlap, used));
      piece = next;
      known = overlap;
      used = overlap;
    }
  }
  if (used > known) yield { bytes: piece.subarray(0, used), known };
}
