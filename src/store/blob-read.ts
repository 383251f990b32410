import { closeSync, existsSync, fstatSync, openSync, readFileSync, statSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';

import { createDigester, digestParts, fromErrno, isErrno, TsbuildError, type Digest } from '../core/index.ts';
import { createAsideDigester, removeFile } from '../sys/index.ts';

const chunkSize = 512 * 1024;
const defaultLimit = 8 * 1024 * 1024;

/** Streams the file at `path` and fails at its end unless it has the digest. Throws BLOB_NOT_FOUND before the first byte. */
export async function openVerified(path: string, digest: Digest): Promise<Readable> {
  const source = await openSource(path, digest);
  return new Readable({
    highWaterMark: 2 * chunkSize,
    read() {
      source.read(Buffer.allocUnsafeSlow(chunkSize)).then(
        (chunk) => void this.push(chunk),
        (error: unknown) => void this.destroy(fromErrno(error, `reading blob ${digest}`) as Error),
      );
    },
    destroy(error, done) {
      source[Symbol.asyncDispose]().then(
        () => done(error),
        (closing: unknown) => done(error ?? (closing as Error)),
      );
    },
  });
}

/**
 * As `openVerified`, but every chunk takes the place of the one before: new memory for each would have V8 look for garbage
 * every 15 MB.
 */
export async function* verifiedChunks(
  path: string,
  digest: Digest,
): AsyncGenerator<Uint8Array, void, undefined> {
  await using source = await openSource(path, digest);
  const room = Buffer.allocUnsafeSlow(chunkSize);
  for (;;) {
    const chunk = await source.read(room).catch((error: unknown) => {
      throw fromErrno(error, `reading blob ${digest}`);
    });
    if (chunk === null) return;
    yield chunk;
  }
}

interface Source extends AsyncDisposable {
  /** Null at the end, once the digest is right. */
  read(room: Buffer): Promise<Buffer | null>;
}

async function openSource(path: string, digest: Digest): Promise<Source> {
  const handle = await open(path).catch((error: unknown) => {
    throw notOpened(error, digest);
  });
  const digester = createAsideDigester(digestParts(digest).algorithm);
  let hashing: Promise<unknown> | undefined;
  return {
    async read(room) {
      // It may be the same memory.
      await hashing;
      const { bytesRead } = await handle.read(room, 0, room.length);
      const chunk = room.subarray(0, bytesRead);
      hashing = digester.update(chunk);
      if (bytesRead > 0) return chunk;
      const actual = digester.digest();
      if (actual !== digest) throw damaged(path, { digest, actual, opened: await handle.stat() });
      return null;
    },
    [Symbol.asyncDispose]: async () => handle.close(),
  };
}

/** All of a small file, verified. */
export function readVerified(path: string, digest: Digest, limit = defaultLimit): Buffer {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const opened = fstatSync(fd);
    if (opened.size > limit) {
      throw new TsbuildError(
        'IMAGE_INVALID',
        `blob ${digest} has ${opened.size} bytes, the limit here is ${limit}`,
      );
    }
    const bytes = readFileSync(fd);
    const digester = createDigester(digestParts(digest).algorithm);
    digester.update(bytes);
    const actual = digester.digest();
    if (actual !== digest) throw damaged(path, { digest, actual, opened });
    return bytes;
  } catch (error) {
    throw notOpened(error, digest);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Of two files. False when one of them is not there, or cannot be read. */
export async function haveSameBytes(one: string, other: string): Promise<boolean> {
  if (!existsSync(other)) return false;
  try {
    await using left = await open(one);
    await using right = await open(other);
    if ((await left.stat()).size !== (await right.stat()).size) return false;
    const [mine, theirs] = [Buffer.allocUnsafe(chunkSize), Buffer.allocUnsafe(chunkSize)];
    for (;;) {
      const [{ bytesRead: size }, { bytesRead }] = await Promise.all([left.read(mine), right.read(theirs)]);
      if (size !== bytesRead || !mine.subarray(0, size).equals(theirs.subarray(0, size))) return false;
      if (size === 0) return true;
    }
  } catch {
    return false;
  }
}

/** Whether the file exists and its content has the digest; what has not is removed. */
export async function isIntact(path: string, digest: Digest): Promise<boolean> {
  try {
    const chunks = verifiedChunks(path, digest);
    while ((await chunks.next()).done !== true);
    return true;
  } catch (error) {
    if (
      error instanceof TsbuildError &&
      (error.code === 'BLOB_NOT_FOUND' || error.code === 'DIGEST_MISMATCH')
    ) {
      return false;
    }
    throw error;
  }
}

/**
 * The file's name is a promise that its bytes break (a power loss before they reached the disk, a foreign hand): kept, it
 * would be found again for ever; removed, it is a miss that the next put heals. Only the very file that was read goes:
 * another process may have healed it already.
 */
function damaged(path: string, found: { digest: Digest; actual: Digest; opened: Stats }): TsbuildError {
  const { digest, actual, opened } = found;
  try {
    const there = statSync(path);
    if (there.ino === opened.ino && there.dev === opened.dev) removeFile(path);
  } catch {
    // A store that cannot be written to is only read: the error below says what matters.
  }
  return new TsbuildError(
    'DIGEST_MISMATCH',
    `blob ${digest} in the store is damaged: its content is ${actual}`,
    {
      hint: 'the damaged file was removed; build or pull again to have it back',
    },
  );
}

function notOpened(error: unknown, digest: Digest): unknown {
  if (isErrno(error, 'ENOENT', 'ENOTDIR')) {
    return new TsbuildError('BLOB_NOT_FOUND', `blob ${digest} is not in the store`, {
      hint: 'pull or build the image again to have it back',
      cause: error,
    });
  }
  return fromErrno(error, `reading blob ${digest}`);
}
