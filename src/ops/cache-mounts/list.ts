import { join } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import { DiskMeter, type Store } from '../../store/index.ts';
import { idOfFolder, listKeptFolders, type KeptFolder } from '../store-care/kept-folders.ts';
import { folderOf, parseIdentity, type CacheIdentity } from './identity.ts';

/** A cache mount of the store. */
export interface CacheMount {
  /** As `du` and `prune` show it: 12 characters. */
  readonly shortId: string;
  /** As `--mount=type=cache,id=` names it, else its target; empty when that is not known. */
  readonly id: string;
  /** Undefined of a further copy, which `sharing=private` made, and where nobody knows what it began with. */
  readonly identity: CacheIdentity | undefined;
  /** Folder below `cache-mounts`. */
  readonly name: string;
  /** Host path. */
  readonly path: string;
  /** Milliseconds since the epoch. */
  readonly used: number;
  readonly inUse: boolean;
}

/** All of the store, in the order of their ids. */
export async function listCacheMounts(store: Store): Promise<readonly CacheMount[]> {
  const kept = (await listKeptFolders(store)).filter(({ type }) => type === 'exec.cachemount');
  const found = await Promise.all(kept.map((folder) => cacheMountOf(store, folder)));
  return found.sort((one, other) =>
    one.id === other.id ? compare(one.name, other.name) : compare(one.id, other.id),
  );
}

/** Bytes on the disk. */
export function sizeOfCacheMount({ path }: CacheMount): number {
  return new DiskMeter().measure(path).bytes;
}

/** Those of an id, of a beginning of a short id, or all. Throws CACHE_NOT_FOUND for each that names none. */
export function chosenCacheMounts(
  all: readonly CacheMount[],
  names: readonly string[],
): readonly CacheMount[] {
  if (names.length === 0) return all;
  const chosen = names.flatMap((name) => {
    const named = all.filter(({ id }) => id === name);
    const found = named.length > 0 ? named : all.filter(({ shortId }) => isShortIdOf(name, shortId));
    if (found.length === 0) throw notFound(name);
    return found;
  });
  return all.filter((each) => chosen.includes(each));
}

async function cacheMountOf(
  store: Store,
  { id: shortId, text: id, path, used, inUse }: KeptFolder,
): Promise<CacheMount> {
  const name = path.slice(join(store.root, 'cache-mounts').length + 1);
  const identity = parseIdentity(await store.records.get('mounts', name));
  const isKnown = identity !== undefined && folderOf(identity) === name;
  return { shortId, id, identity: isKnown ? identity : undefined, name, path, used, inUse };
}

function isShortIdOf(name: string, shortId: string): boolean {
  return (
    /^[0-9a-f]{4,64}(-\d+)?$/.test(name) && shortId.startsWith(name.length > 12 ? idOfFolder(name) : name)
  );
}

function notFound(name: string): TsbuildError {
  return new TsbuildError('CACHE_NOT_FOUND', `no such cache mount: ${JSON.stringify(name)}`, {
    hint: '`tsbuild cache ls` lists those of the store',
  });
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
