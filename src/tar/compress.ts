import { availableParallelism } from 'node:os';
import { crc32, constants, deflateRaw, zstdCompress } from 'node:zlib';

/** The lowest level is 1. */
export const highestLevels = { gzip: 9, zstd: 22 } as const;

export interface CompressOptions {
  readonly compression: 'gzip' | 'zstd';
  /** 1…9 for gzip, 1…22 for zstd; 4 and 3 unless told: beyond, a few per cent of size cost twice the time. */
  readonly level?: number | undefined;
}

/** Fixed, since the compressed bytes depend on them: where a piece ends, a deflate block or a zstd frame ends. */
const gzipPiece = 2 ** 20;
/** Frames know nothing of each other: smaller ones would compress less. */
const zstdPiece = 2 ** 21;
/** What deflate can refer back to. */
const windowBytes = 32 * 1024;

/**
 * Compresses a stream; the same bytes, options and library version give the same output, however the source is cut
 * into chunks and however many processors there are. No time and no name are recorded.
 */
export function compress(
  source: AsyncIterable<Uint8Array>,
  { compression, level }: CompressOptions,
): AsyncIterable<Uint8Array> {
  return compression === 'gzip'
    ? gzip(inPieces(source, gzipPiece), level ?? 4)
    : zstd(inPieces(source, zstdPiece), level ?? 3);
}

/**
 * Frames side by side, which every reader takes for one stream (RFC 8878, 3.1). No nbWorkers: with it, Node 24 ends the
 * stream early without an error.
 */
async function* zstd(
  source: AsyncIterable<Uint8Array>,
  level: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let frames = 0;
  yield* sideBySide(source, (piece) => {
    frames += 1;
    return zstdFrame(piece, level);
  });
  // Nothing at all is no stream.
  if (frames === 0) yield await zstdFrame(Buffer.alloc(0), level);
}

function zstdFrame(piece: Uint8Array, level: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
  zstdCompress(piece, { params, chunkSize: 256 * 1024 }, (error, bytes) => {
    if (error === null) resolve(bytes);
    else reject(error);
  });
  return promise;
}

/** Packs pieces on as many threads as there are processors; what comes of them, in their order. */
async function* sideBySide(
  source: AsyncIterable<Uint8Array>,
  pack: (piece: Uint8Array) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const limit = availableParallelism() + 1;
  const running: Promise<Uint8Array>[] = [];
  try {
    for await (const piece of source) {
      running.push(pack(piece));
      const oldest = running.length >= limit ? running.shift() : undefined;
      if (oldest !== undefined) yield await oldest;
    }
    for (let next = running.shift(); next !== undefined; next = running.shift()) yield await next;
  } finally {
    // When the reader or the source gives up, the pieces under way must not fail unheard.
    await Promise.allSettled(running);
  }
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
  let checksum = 0;
  let size = 0;
  let dictionary: Uint8Array | undefined;
  yield* sideBySide(source, (piece) => {
    const packing = deflatePiece(piece, { level, dictionary });
    checksum = crc32(piece, checksum);
    size += piece.length;
    dictionary = piece.subarray(-windowBytes);
    return packing;
  });
  const end = Buffer.alloc(10);
  // An empty final block: every piece ends open, on a byte's border.
  end.writeUInt16LE(0x0003, 0);
  end.writeUInt32LE(checksum, 2);
  end.writeUInt32LE(size % 2 ** 32, 6);
  yield end;
}

function deflatePiece(
  piece: Uint8Array,
  options: { readonly level: number; readonly dictionary: Uint8Array | undefined },
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const { level, dictionary } = options;
  deflateRaw(
    piece,
    {
      level,
      finishFlush: constants.Z_SYNC_FLUSH,
      chunkSize: 256 * 1024,
      ...(dictionary === undefined ? {} : { dictionary }),
    },
    (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(error);
    },
  );
  return promise;
}

/** The stream in pieces of exactly that size, the last one excepted. Each piece is new memory. */
async function* inPieces(
  source: AsyncIterable<Uint8Array>,
  pieceBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let piece = Buffer.allocUnsafeSlow(pieceBytes);
  let used = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + pieceBytes - used);
      piece.set(part, used);
      used += part.length;
      at += part.length;
      if (used < pieceBytes) continue;
      yield piece;
      piece = Buffer.allocUnsafeSlow(pieceBytes);
      used = 0;
    }
  }
  if (used > 0) yield piece.subarray(0, used);
}
