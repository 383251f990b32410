import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';

import { createDigester, digestParts, parseDigest, TsbuildError, type Digest } from '../core/index.ts';
import { createAsideDigester } from '../sys/index.ts';
import { discard } from './files.ts';

/** What the bytes were promised to be. */
export interface Expected {
  readonly digest?: Digest | undefined;
  readonly size?: number | undefined;
}

export interface Content {
  readonly digest: Digest;
  readonly size: number;
}

/** Archives come in pieces of 512 bytes; a system call for each would cost more than the copy. */
const batchSize = 256 * 1024;

/** Writes the bytes to a new file at `path`, hashing on the way. On any failure the file is gone again. */
export async function stageStream(
  bytes: AsyncIterable<Uint8Array>,
  expected: Expected,
  path: string,
): Promise<Content> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'wx', 0o644);
    const content = await copyHashed(bytes, expected, handle);
    const closing = handle;
    handle = undefined;
    // Some file systems tell of a full disk only now.
    await closing.close();
    return content;
  } catch (error) {
    await handle?.close().catch(() => undefined);
    discard(path);
    // Opening may fail before the source was ever asked for a byte: it would wait for ever, and its socket with it.
    await abandon(bytes);
    throw error;
  }
}

/** Throws DIGEST_MISMATCH unless the content is what was promised. */
export function checkContent(content: Content, expected: Expected): Content {
  if (expected.size !== undefined && content.size !== expected.size) {
    throw mismatch(`expected ${expected.size} bytes, got ${content.size}`);
  }
  if (expected.digest !== undefined && content.digest !== expected.digest) {
    throw mismatch(`expected ${expected.digest}, got ${content.digest}`);
  }
  return content;
}

/** The digest of bytes at hand, by the algorithm that is expected. */
export function contentOf(bytes: Uint8Array, expected: Expected): Content {
  const digester = createDigester(algorithmOf(expected));
  digester.update(bytes);
  return { digest: digester.digest(), size: bytes.length };
}

/** Ends a source of which no more is wanted. */
export async function abandon(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  if (bytes instanceof Readable) bytes.destroy();
  else await bytes[Symbol.asyncIterator]().return?.();
}

async function copyHashed(
  bytes: AsyncIterable<Uint8Array>,
  expected: Expected,
  handle: FileHandle,
): Promise<Content> {
  const digester = createAsideDigester(algorithmOf(expected));
  const batch = Buffer.allocUnsafeSlow(batchSize);
  let filled = 0;
  let size = 0;

  const write = async (chunk: Uint8Array): Promise<void> => {
    // One thread hashes while another one copies.
    const written = writeFully(handle, chunk);
    const hashed = digester.update(chunk);
    try {
      await written;
    } finally {
      await hashed;
    }
  };
  const flush = async (): Promise<void> => {
    if (filled > 0) await write(batch.subarray(0, filled));
    filled = 0;
  };

  for await (const chunk of bytes) {
    size += chunk.length;
    // A source that never ends must not fill the disk first.
    if (expected.size !== undefined && size > expected.size) {
      throw mismatch(`expected ${expected.size} bytes, got more`);
    }
    if (filled + chunk.length > batchSize) await flush();
    if (chunk.length >= batchSize) {
      await write(chunk);
    } else {
      batch.set(chunk, filled);
      filled += chunk.length;
    }
  }
  await flush();
  return checkContent({ digest: digester.digest(), size }, expected);
}

async function writeFully(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  let offset = 0;
  // A nearly full disk takes a part and only the next call says why.
  while (offset < chunk.length) {
    const { bytesWritten } = await handle.write(chunk, offset, chunk.length - offset);
    offset += bytesWritten;
  }
}

function algorithmOf(expected: Expected): string | undefined {
  // Foreign text reaches here through a cast once in a while; as an algorithm or a path it must not.
  return expected.digest === undefined ? undefined : digestParts(parseDigest(expected.digest)).algorithm;
}

function mismatch(why: string): TsbuildError {
  return new TsbuildError('DIGEST_MISMATCH', `the content is not what was promised: ${why}`);
}
