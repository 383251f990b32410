import { crc32 } from 'node:zlib';

import { deflatePiece, deflateRoom } from '../sys/index.ts';
import { PieceMemory, sideBySide } from './side-by-side.ts';
import { FramePacker } from './zstd-pack.ts';

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
  const memory = new PieceMemory(zstdPieces.size);
  const packer = new FramePacker(zstdPieces.size, level);
  let frames = 0;
  yield* sideBySide(inPieces(source, zstdPieces, memory), async ({ bytes }) => {
    frames += 1;
    const frame = await packer.pack(bytes);
    memory.giveBack(bytes);
    return frame;
  });
  // Nothing at all is no stream.
  if (frames === 0) yield await packer.pack(Buffer.alloc(0));
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
  const memory = new PieceMemory(gzipPieces.overlap + gzipPieces.size);
  const rooms = new PieceMemory(deflateRoom(gzipPieces.size));
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
  memory: PieceMemory,
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
