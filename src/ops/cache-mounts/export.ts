import { TsbuildError, type ByteString } from '../../core/index.ts';
import type { Store } from '../../store/index.ts';
import { openRootDir } from '../../sys/index.ts';
import { compress, createTarWriter, type TarSink } from '../../tar/index.ts';
import { addTree } from '../container/files/tree-archive.ts';
import { folderAt, listName, listText } from './archive-form.ts';
import type { CacheIdentity } from './identity.ts';
import { chosenCacheMounts, listCacheMounts, type CacheMount } from './list.ts';
import { pulled } from './pulled.ts';
import { unusedCacheMount } from './unused.ts';

export interface ExportCachesOptions {
  /** Ids of cache mounts, or beginnings of their short ids; none for all. */
  readonly ids: readonly string[];
  readonly compression: 'zstd' | 'gzip' | 'none';
  readonly signal: AbortSignal;
  /** That it waits for builds, and what it leaves out. */
  readonly warn: (message: string) => void;
}

type Exported = CacheMount & { readonly identity: CacheIdentity };

/** Which cache mounts an export takes. Throws CACHE_NOT_FOUND, also when the store has none at all. */
export async function cachesToExport(
  store: Store,
  { ids, warn }: Pick<ExportCachesOptions, 'ids' | 'warn'>,
): Promise<readonly Exported[]> {
  const chosen = chosenCacheMounts(await listCacheMounts(store), ids);
  const whole = chosen.filter((cache): cache is Exported => cache.identity !== undefined);
  // The further copies of a cache are what steps side by side made of it: each is as good as the first.
  const unknown = chosen.filter(({ identity, name }) => identity === undefined && !name.includes('-'));
  for (const { id } of unknown)
    warn(
      `the cache mount ${JSON.stringify(id)} is left out: nobody knows what it began with; use it once more`,
    );
  if (whole.length === 0)
    throw new TsbuildError('CACHE_NOT_FOUND', 'there is no cache mount to export', {
      hint: 'RUN --mount=type=cache,target=PATH makes one',
    });
  return whole;
}

/**
 * Writes cache mounts as one tar: the same files give the same bytes. Sockets and device nodes are left out. A build that
 * uses one of them is waited for, and one that comes waits, each only as long as that one is written.
 */
export async function exportCaches(
  store: Store,
  caches: readonly Exported[],
  sink: (chunk: Uint8Array) => Promise<void>,
  options: Omit<ExportCachesOptions, 'ids'>,
): Promise<void> {
  const { compression } = options;
  const write = (to: TarSink): Promise<void> => writeArchive(store, caches, to, options);
  if (compression === 'none') await write(sink);
  else for await (const chunk of compress(pulled(write), { compression })) await sink(chunk);
}

async function writeArchive(
  store: Store,
  caches: readonly Exported[],
  sink: TarSink,
  { signal, warn }: Omit<ExportCachesOptions, 'ids' | 'compression'>,
): Promise<void> {
  const writer = createTarWriter(sink);
  const list = listText(caches.map(({ identity }) => identity));
  const common = { mode: 0o644, uid: 0, gid: 0, mtime: 0, xattrs: [] };
  await writer.entry({ ...common, type: 'file', path: listName, size: list.length });
  await writer.data(list);
  for (const [index, { id, name, path }] of caches.entries()) {
    await using _alone = await unusedCacheMount(store, name, {
      signal,
      onWait: () => warn(`waiting for the builds that use the cache mount ${JSON.stringify(id)}`),
    });
    using root = openRootDir(path);
    await addTree(
      writer,
      { root, path: '' as ByteString },
      {
        name: folderAt(index),
        omits: ({ type }) => type === 'char' || type === 'block',
        // Build tools compare the times of what they have made.
        times: 'nanoseconds',
        signal,
      },
    );
  }
  await writer.finish();
}
