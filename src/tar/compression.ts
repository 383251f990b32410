import { pipeline, Readable, type Duplex } from 'node:stream';
import { createGunzip, createZstdDecompress, zstdDecompressSync } from 'node:zlib';

import { isErrno, TsbuildError } from '../core/index.ts';
import { hasValidChecksum, blockSize } from './header.ts';
import { createTarInput, type TarInput } from './input.ts';
import type { Compression } from './types.ts';
import { frameBytes, readFrameStart, skipSkippableFrame } from './zstd-frames.ts';

const outputChunk = 256 * 1024;

/** zstd frames up to this size are decompressed in one call when their content is as small as promised below. */
const smallFrame = 128 * 1024;
const smallContent = 2 * 2 ** 20;

/** Decompresses a format that Node does not know, by a program of the machine. */
export type ForeignDecompressor = (
  compression: 'bzip2' | 'xz',
  source: AsyncIterable<Uint8Array>,
) => AsyncIterable<Uint8Array>;

/** Bytes of a stream's beginning that tell every format, a tar's first header included. */
export const sniffBytes = blockSize;

/** The compression by magic numbers alone, never by name; `none` for all else. */
export function sniffCompression(head: Uint8Array): Compression {
  const [a, b, c, d, e, f] = head;
  if (a === 0x1f && b === 0x8b && c === 0x08) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  // A zstd stream may begin with a skippable frame.
  if (a !== undefined && a >>> 4 === 0x5 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
  if (a === 0x42 && b === 0x5a && c === 0x68 && d !== undefined && d >= 0x31 && d <= 0x39) return 'bzip2';
  if (a === 0xfd && b === 0x37 && c === 0x7a && d === 0x58 && e === 0x5a && f === 0x00) return 'xz';
  return 'none';
}

/** True when a tar begins here: its first header has a valid checksum. An empty tar (zero blocks only) is not told apart from other zeros. */
export function isTarHead(head: Uint8Array): boolean {
  return head.length >= blockSize && hasValidChecksum(head.subarray(0, blockSize));
}

/**
 * A stream's first bytes (fewer when it is shorter) and the whole stream again. The source is open already: whoever
 * does not read `bytes` to its end must call its iterator's `return`.
 */
export async function peek(
  source: AsyncIterable<Uint8Array>,
  length: number = sniffBytes,
): Promise<{ readonly head: Uint8Array; readonly bytes: AsyncIterable<Uint8Array> }> {
  const input = createTarInput(source, Number.MAX_SAFE_INTEGER);
  const head = await input.read(length);
  return { head, bytes: replay(head, input) };
}

/** No generator: the `return` of one that was never started would leave the source open. */
function replay(head: Uint8Array, input: TarInput): AsyncIterable<Uint8Array> {
  let first: Uint8Array | undefined = head.length > 0 ? head : undefined;
  const iterator: AsyncIterableIterator<Uint8Array> = {
    async next() {
      const value = first ?? ((await input.more()) ? input.some(Number.MAX_SAFE_INTEGER) : undefined);
      first = undefined;
      return value === undefined ? { done: true, value } : { done: false, value };
    },
    async return() {
      first = undefined;
      await input[Symbol.asyncDispose]();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

/**
 * The plain bytes of a stream of any known compression: gzip of several members and zstd of several frames whole,
 * an uncompressed stream as it is. Damage and truncation throw ARCHIVE_INVALID while reading.
 */
export async function decompress(
  source: AsyncIterable<Uint8Array>,
  foreign?: ForeignDecompressor,
): Promise<{ readonly compression: Compression; readonly bytes: AsyncIterable<Uint8Array> }> {
  const { head, bytes } = await peek(source);
  const compression = sniffCompression(head);
  return { compression, bytes: decompressAs(compression, bytes, foreign) };
}

/** As `decompress`, with the compression known from elsewhere (a media type). */
export function decompressAs(
  compression: Compression,
  source: AsyncIterable<Uint8Array>,
  foreign?: ForeignDecompressor,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'none':
      return source;
    case 'gzip':
      return through(source, createGunzip({ chunkSize: outputChunk }));
    case 'zstd':
      return decompressZstd(source);
    case 'bzip2':
    case 'xz':
      if (foreign === undefined) return unsupported(compression, source);
      return foreign(compression, source);
  }
}

async function* unsupported(
  compression: Compression,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  await source[Symbol.asyncIterator]().return?.();
  yield* [];
  throw new TsbuildError('ARCHIVE_INVALID', `${compression} compression is not possible here`, {
    hint: 'use gzip or zstd',
  });
}

async function* decompressZstd(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  await using input = createTarInput(source, Number.MAX_SAFE_INTEGER);
  for (;;) {
    const start = await readFrameStart(input);
    switch (start) {
      case 'end':
        return;
      case 'unknown':
        throw new TsbuildError(
          'ARCHIVE_INVALID',
          'the zstd stream has something after its frames that is none',
        );
      case 'skippable':
        await skipSkippableFrame(input);
        break;
      case 'frame':
        yield* decompressFrame(input);
        break;
    }
  }
}

/** A stream costs more than a small frame: zstd:chunked images have a frame for every file. */
async function* decompressFrame(input: TarInput): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = gather(frameBytes(input));
  const first = await pieces.next();
  if (first.done === true) return;
  if (first.value.length < smallFrame) {
    const content = decompressSmall(first.value);
    if (content !== undefined) {
      yield content;
      return;
    }
  }
  yield* through(prepend(first.value, pieces), createZstdDecompress({ chunkSize: outputChunk }));
}

function decompressSmall(frame: Uint8Array): Uint8Array | undefined {
  try {
    return zstdDecompressSync(frame, { maxOutputLength: smallContent });
  } catch (error) {
    // Node says the one or the other, by where in its buffers the content ends.
    if (isErrno(error, 'ERR_BUFFER_TOO_LARGE', 'ZSTD_error_dstSize_tooSmall')) return undefined;
    throw asArchiveError(error);
  }
}

/** Joins pieces to chunks of at least `smallFrame` bytes, the last one excepted. */
async function* gather(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    waiting.push(piece);
    size += piece.length;
    if (size < smallFrame) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(waiting);
}

async function* prepend(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first;
  yield* rest;
}

async function* through(
  source: AsyncIterable<Uint8Array>,
  codec: Duplex,
): AsyncGenerator<Uint8Array, void, undefined> {
  // What fails in the source destroys the codec with its error, which the loop below throws.
  pipeline(Readable.from(source, { objectMode: true, highWaterMark: 1 }), codec, () => undefined);
  try {
    for await (const chunk of codec) yield chunk as Uint8Array;
  } catch (error) {
    throw asArchiveError(error);
  }
}

function asArchiveError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ZSTD_error_frameParameter_windowTooLarge') {
    return new TsbuildError('ARCHIVE_LIMIT', 'the zstd stream wants a window of more than 128 MiB', {
      cause: error,
    });
  }
  if (!/^(Z|ZSTD)_/.test(code)) return error;
  return new TsbuildError(
    'ARCHIVE_INVALID',
    `the compressed stream is damaged or cut off: ${(error as Error).message}`,
    {
      cause: error,
    },
  );
}
