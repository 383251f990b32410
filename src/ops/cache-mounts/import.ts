import { constants, closeSync, existsSync, mkdirSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';

import { fromErrno, TsbuildError, type ByteString } from '../../core/index.ts';
import { extractArchive } from '../../snapshot/index.ts';
import type { Store } from '../../store/index.ts';
import { openRootDir, type RootDir } from '../../sys/index.ts';
import { decompress, isTarHead, peek } from '../../tar/index.ts';
import { hostDecompressor } from '../decompress.ts';
import { folderAt, listName, longestList, parseList } from './archive-form.ts';
import { folderOf, identityJson, type CacheIdentity } from './identity.ts';
import { unusedCacheMount } from './unused.ts';

export interface ImportCachesOptions {
  /** The id that the one cache of the archive gets; without it the archive must be one of `exportCaches`. */
  readonly id?: string | undefined;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

/**
 * Puts the cache mounts of an archive into the store, each in place of the one that is there, and returns their ids. All
 * is unpacked first, below a folder that nothing leads out of: an archive that is refused changes nothing. Owners that the
 * store's user may not give to files are PERMISSION_DENIED. Throws ARCHIVE_INVALID, ARCHIVE_LIMIT, USAGE.
 */
export async function importCaches(
  store: Store,
  source: AsyncIterable<Uint8Array>,
  options: ImportCachesOptions,
): Promise<readonly string[]> {
  await using aside = await store.tempDir();
  using _emptied = emptied(aside.path);
  const unpacked = join(aside.path, 'unpacked');
  mkdirSync(unpacked, { mode: 0o755 });
  {
    using root = openRootDir(unpacked);
    await unpack(source, root, options.signal);
  }
  const caches = found(unpacked, options.id);
  for (const [index, { identity, folder }] of caches.entries()) {
    await replace(store, { identity, folder, old: join(aside.path, `old-${index}`) }, options);
  }
  await store.settle();
  return caches.map(({ identity }) => identity.id);
}

/** An archive, and a program in a container, may make folders so deep that no path reaches them. */
function emptied(folder: string): Disposable {
  return {
    [Symbol.dispose]: () => {
      using root = openRootDir(folder);
      for (const name of root.list('.' as ByteString)) root.removeAll(name);
    },
  };
}

interface Unpacked {
  readonly identity: CacheIdentity;
  /** Host path. */
  readonly folder: string;
}

async function unpack(source: AsyncIterable<Uint8Array>, root: RootDir, signal: AbortSignal): Promise<void> {
  try {
    const plain = await peek((await decompress(source, hostDecompressor)).bytes);
    if (!isTarHead(plain.head)) {
      await plain.bytes[Symbol.asyncIterator]().return?.();
      throw new TsbuildError('ARCHIVE_INVALID', 'it is no tar, plain or compressed');
    }
    await extractArchive(plain.bytes, root, { devices: 'refuse', signal });
  } catch (error) {
    signal.throwIfAborted();
    const failure = fromErrno(error, 'unpacking it');
    if (!(failure instanceof TsbuildError)) throw error;
    throw new TsbuildError(failure.code, `the archive: ${failure.message}`, {
      hint: failure.hint,
      cause: error,
    });
  }
}

function found(unpacked: string, id: string | undefined): readonly Unpacked[] {
  using root = openRootDir(unpacked);
  const list = readList(root);
  if (list === undefined) {
    if (id !== undefined) return [{ identity: { id }, folder: unpacked }];
    throw new TsbuildError('ARCHIVE_INVALID', 'the archive is none of `tsbuild cache export`', {
      hint: 'with --id ID its files become the cache mount of that id',
    });
  }
  if (id !== undefined && list.length !== 1) {
    throw new TsbuildError(
      'USAGE',
      `--id ${JSON.stringify(id)}: the archive holds ${list.length} cache mounts`,
      {
        hint: 'without --id each gets the id that it had; export one alone to give it another',
      },
    );
  }
  const names = new Set(list.map(folderOf));
  if (names.size < list.length)
    throw new TsbuildError('ARCHIVE_INVALID', 'the archive has a cache mount twice');
  return list.map((identity, index) => {
    const folder = folderAt(index);
    if (root.tryLstat(folder)?.type !== 'directory') {
      throw new TsbuildError(
        'ARCHIVE_INVALID',
        `the archive lacks the cache mount ${JSON.stringify(identity.id)}`,
      );
    }
    return { identity: id === undefined ? identity : { ...identity, id }, folder: join(unpacked, folder) };
  });
}

function readList(root: RootDir): readonly CacheIdentity[] | undefined {
  if (root.tryLstat(listName)?.type !== 'file') return undefined;
  const fd = root.open(listName, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(longestList + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < bytes.length; length += got)
      got = readSync(fd, bytes, length, bytes.length - length, null);
    if (length > longestList) throw new TsbuildError('ARCHIVE_LIMIT', 'the list of cache mounts is too long');
    return parseList(bytes.subarray(0, length));
  } finally {
    closeSync(fd);
  }
}

/** Builders look for the folder under the same lock: they find the old one or the new one, whole. */
async function replace(
  store: Store,
  { identity, folder, old }: Unpacked & { readonly old: string },
  { signal, warn }: ImportCachesOptions,
): Promise<void> {
  const name = folderOf(identity);
  await using _alone = await unusedCacheMount(store, name, {
    signal,
    onWait: () => warn(`waiting for the builds that use the cache mount ${JSON.stringify(identity.id)}`),
  });
  const mounts = join(store.root, 'cache-mounts');
  mkdirSync(mounts, { recursive: true, mode: 0o700 });
  const place = join(mounts, name);
  await store.records.put('mounts', name, identityJson(identity));
  if (existsSync(place)) renameSync(place, old);
  renameSync(folder, place);
}
