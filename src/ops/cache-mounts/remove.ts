import type { Store } from '../../store/index.ts';
import { listKeptFolders, removeKeptFolder } from '../store-care/kept-folders.ts';
import { chosenCacheMounts, listCacheMounts, type CacheMount } from './list.ts';

export interface RemovedCacheMounts {
  readonly removed: readonly CacheMount[];
  /** Builds that run use them. */
  readonly inUse: readonly CacheMount[];
  /** On the disk. */
  readonly bytes: number;
}

/** Removes cache mounts by id or by the beginning of a short id, all copies of each. Throws CACHE_NOT_FOUND. */
export async function removeCacheMounts(store: Store, names: readonly string[]): Promise<RemovedCacheMounts> {
  const chosen = chosenCacheMounts(await listCacheMounts(store), names);
  const kept = await listKeptFolders(store);
  const removed: CacheMount[] = [];
  const inUse: CacheMount[] = [];
  let bytes = 0;
  for (const cache of chosen) {
    const folder = kept.find(({ path }) => path === cache.path);
    const freed = folder && (await removeKeptFolder(store, folder));
    if (freed === undefined) inUse.push(cache);
    else removed.push(cache);
    bytes += freed ?? 0;
  }
  return { removed, inUse, bytes };
}
