import { statSync } from 'node:fs';
import { join } from 'node:path';

import { digestParts, fromErrno, isDigest, parseDigest, type Digest } from '../core/index.ts';
import { namesIn } from '../sys/index.ts';
import { haveSameBytes, isIntact, openVerified, readVerified, verifiedChunks } from './blob-read.ts';
import { gathered } from './blob-gather.ts';
import { abandon, checkContent, contentOf, stageStream, type Content, type Expected } from './blob-stage.ts';
import { discard, moveInto, publish, readIfThere, removeIfThere, type Staging } from './files.ts';
import type { BlobStore } from './types.ts';

const algorithms = ['sha256', 'sha512'] as const;

export interface BlobStoreOptions {
  /** The `blobs` folder of the layout. */
  readonly folder: string;
  readonly staging: Staging;
  /** Called with a digest before its blob is looked at or appears: a collector that runs meanwhile must know of it. */
  readonly beforePut: (digest: Digest) => void;
}

/**
 * Blobs are files named by their digest. A file gets that name only by a rename of complete, hashed content: whatever
 * is there was complete when it appeared. What a power loss or a foreign hand did to it since is found by hashing when
 * it is read, and the file is then removed, so that the next put heals it.
 */
export function openBlobs(options: BlobStoreOptions): BlobStore {
  const path = (digest: Digest): string => {
    const { algorithm, hex } = digestParts(parseDigest(digest));
    return join(options.folder, algorithm, hex);
  };
  return {
    path,
    async put(bytes, expected = {}) {
      // What is known may be there, and what is promised is checked as it comes.
      const given = bytes instanceof Uint8Array || !isUnknown(expected) ? bytes : await shortest(bytes);
      return given instanceof Uint8Array
        ? putBytes(given, expected, { ...options, path })
        : putStream(given, expected, { ...options, path });
    },
    open: async (digest) => openVerified(path(digest), digest),
    chunks: (digest) => verifiedChunks(path(digest), digest),
    read: async (digest, limit) => readVerified(path(digest), digest, limit),
    stat: async (digest) => sizeOf(path(digest)),
    isIntact: async (digest) => isIntact(path(digest), digest),
    delete: async (digest) => void removeIfThere(path(digest)),
    async *list() {
      for (const algorithm of algorithms) {
        for (const hex of namesIn(join(options.folder, algorithm))) {
          const digest = `${algorithm}:${hex}`;
          if (isDigest(digest)) yield digest;
        }
      }
    },
  };
}

function isUnknown({ digest, size }: Expected): boolean {
  return digest === undefined && size === undefined;
}

async function shortest(bytes: AsyncIterable<Uint8Array>): ReturnType<typeof gathered> {
  try {
    return await gathered(bytes);
  } catch (error) {
    throw fromErrno(error, 'storing blob');
  }
}

interface PutContext extends BlobStoreOptions {
  readonly path: (digest: Digest) => string;
}

async function putBytes(bytes: Uint8Array, expected: Expected, context: PutContext): Promise<Content> {
  const content = checkContent(contentOf(bytes, expected), expected);
  const target = context.path(content.digest);
  context.beforePut(content.digest);
  // Mostly a manifest that was built before: comparing is cheaper than writing and, unlike a look at the size, sure.
  if (readIfThere(target)?.equals(bytes) !== true) publish(context.staging, target, bytes);
  return content;
}

async function putStream(
  bytes: AsyncIterable<Uint8Array>,
  expected: Expected,
  context: PutContext,
): Promise<Content> {
  if (expected.digest !== undefined) {
    const target = context.path(expected.digest);
    context.beforePut(expected.digest);
    const there = sizeOf(target);
    // Another size is damage that needs no hashing to be seen; the same size is hashed before it is trusted.
    if (there && there.size === (expected.size ?? there.size) && (await isIntact(target, expected.digest))) {
      await abandon(bytes);
      return { digest: expected.digest, size: there.size };
    }
  }
  const staged = context.staging.file();
  try {
    const content = await stageStream(bytes, expected, staged);
    context.beforePut(content.digest);
    const target = context.path(content.digest);
    // A damaged one is healed. An intact one stays: it may have been on the disk for long, which its equal is not yet.
    if (await haveSameBytes(staged, target)) discard(staged);
    else moveInto(staged, target);
    return content;
  } catch (error) {
    discard(staged);
    throw fromErrno(error, `storing blob ${expected.digest ?? ''}`.trimEnd());
  }
}

function sizeOf(path: string): { size: number } | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found?.isFile() === true ? { size: found.size } : undefined;
  } catch (error) {
    throw fromErrno(error, `looking at ${path}`);
  }
}
