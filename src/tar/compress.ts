import { availableParallelism } from 'node:os';
import { crc32, constants, createZstdCompress, deflateRaw } from 'node:zlib';
import { pipeline, Readable } from 'node:stream';

export interface CompressOptions {
  readonly compression: 'gzip' | 'zstd';
  /** 1…9 for gzip, 1…22 for zstd; 4 and 3 unless told: beyond, a few per cent of size cost twice the time. */
  readonly level?: number | undefined;
}

/** Fixed, since the compressed bytes depend on it: where a piece ends, a deflate block ends. */
const pieceBytes = 2 ** 20;
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
  return compression === 'gzip' ? gzip(inPieces(source), level ?? 4) : zstd(inPieces(source), level ?? 3);
}

async function* zstd(
  source: AsyncIterable<Uint8Array>,
  level: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  // No nbWorkers: with it, Node 24 ends the stream early without an error.
  const codec = createZstdCompress({
    chunkSize: 256 * 1024,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  pipeline(Readable.from(source, { objectMode: true, highWaterMark: 1 }), codec, () => undefined);
  for await (const chunk of codec) yield chunk as Uint8Array;
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
  const limit = availableParallelism() + 1;
  const running: Promise<Uint8Array>[] = [];
  let checksum = 0;
  let size = 0;
  let dictionary: Uint8Array | undefined;
  try {
    for await (const piece of source) {
      running.push(deflatePiece(piece, { level, dictionary }));
      checksum = crc32(piece, checksum);
      size += piece.length;
      dictionary = piece.subarray(-windowBytes);
      const oldest = running.length >= limit ? running.shift() : undefined;
      if (oldest !== undefined) yield await oldest;
    }
    for (let next = running.shift(); next !== undefined; next = running.shift()) yield await next;
  } finally {
    // When the reader or the source gives up, the pieces under way must not fail unheard.
    await Promise.allSettled(running);
  }
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

/** The stream in pieces of exactly `pieceBytes`, the last one excepted. Each piece is new memory. */
async function* inPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
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
