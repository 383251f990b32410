import { closeSync, constants, readSync } from 'node:fs';

import { toText, type ByteString } from '../core/index.ts';
import type { RootDir } from '../sys/index.ts';
import type { Breath } from './breath.ts';

interface FilePlace {
  readonly root: RootDir;
  readonly path: ByteString;
}

/** Bytes read at once: memory stays bounded whatever a file's size. */
export const chunkBytes = 1024 * 1024;

/** A descriptor of a regular file of the tree, its last component not followed. */
export function openFile(root: RootDir, path: ByteString): number {
  return root.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

/** Fills `buffer` from the file's current position. Throws when the file ends before: it changed while it was read. */
export function readFully(fd: number, buffer: Uint8Array, path: ByteString): void {
  for (let done = 0; done < buffer.length;) {
    const got = readSync(fd, buffer, done, buffer.length - done, null);
    if (got === 0) throw endsEarly(path);
    done += got;
  }
}

export function endsEarly(path: ByteString): Error {
  return new Error(`${toText(path)} is shorter than its size: it changed while it was read`);
}

/** The first `size` bytes, each chunk in memory of its own. Closes the descriptor. */
export function* chunksOf(fd: number, size: number, path: ByteString): Generator<Buffer, void, undefined> {
  try {
    for (let left = size; left > 0;) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(left, chunkBytes));
      readFully(fd, chunk, path);
      left -= chunk.length;
      yield chunk;
    }
  } finally {
    closeSync(fd);
  }
}

const partBytes = 256 * 1024;

/** Whether two files of the same size hold the same bytes. */
export async function sameContent(
  [a, b]: readonly [FilePlace, FilePlace],
  size: number,
  breath: Breath,
): Promise<boolean> {
  if (size === 0) return true;
  const length = Math.min(size, partBytes);
  const [partA, partB] = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
  const [fdA, fdB] = [openFile(a.root, a.path), openFile(b.root, b.path)];
  try {
    for (let left = size; left > 0; left -= length) {
      const [nowA, nowB] = [partA.subarray(0, left), partB.subarray(0, left)];
      readFully(fdA, nowA, a.path);
      readFully(fdB, nowB, b.path);
      if (!nowA.equals(nowB)) return false;
      await breath.due();
    }
    return true;
  } finally {
    closeSync(fdA);
    closeSync(fdB);
  }
}
