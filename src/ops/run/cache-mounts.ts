import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join, posix } from 'node:path';

import { digestOf, digestParts, fromText } from '../../core/index.ts';
import type { PlannedMount } from '../../graph/index.ts';
import type { RunContext } from '../../solver/index.ts';
import type { Lock, Store } from '../../store/index.ts';
import { openRootDir } from '../../sys/index.ts';

/** Host folders of a step's cache mounts, by mount; the locks that go with them end when `held` is disposed. */
export async function cacheFolders(
  mounts: readonly PlannedMount[],
  store: Store,
  { context, held }: { readonly context: RunContext; readonly held: AsyncDisposableStack },
): Promise<ReadonlyMap<PlannedMount, string>> {
  const caches = mounts.filter(({ type }) => type === 'cache');
  // One lock a cache however often it is mounted, and all builders in one order: else two of them wait for each other.
  const locked = caches.filter(({ sharing }) => sharing === 'locked');
  for (const key of [...new Set(locked.map(keyOf))].sort()) {
    held.use(await lockCache(key, store, context));
  }
  const copies = new Map<string, string>();
  const folders = new Map<PlannedMount, string>();
  for (const mount of caches) {
    const key = keyOf(mount);
    const name =
      mount.sharing === 'private' ? (copies.get(key) ?? (await privateCopy(key, store, held))) : key;
    if (mount.sharing === 'private') copies.set(key, name);
    folders.set(mount, makeFolder(join(store.root, 'cache-mounts', name), mount));
  }
  return folders;
}

/** A folder is named by a digest of the cache's id, never by the id itself (S-36). */
function keyOf(mount: PlannedMount): string {
  return digestParts(digestOf(mount.id ?? posix.normalize(mount.target))).hex;
}

function lockName(name: string): string {
  return `cache-${name}`;
}

function lockCache(key: string, store: Store, context: RunContext): Promise<Lock> {
  return store.lock(lockName(key), {
    signal: context.signal,
    onWait: (holder) => context.warn(`waiting for a cache mount that process ${holder} uses`),
  });
}

/** The first copy that nobody uses; the first of all is the one that `locked` steps use. */
async function privateCopy(key: string, store: Store, held: AsyncDisposableStack): Promise<string> {
  for (let copy = 0; ; copy++) {
    const name = copy === 0 ? key : `${key}-${copy}`;
    const lock = await store.tryLock(lockName(name));
    if (lock === undefined) continue;
    held.use(lock);
    return name;
  }
}

/** The mode and owner are those of whoever was first. */
function makeFolder(folder: string, { mode = 0o755, uid = 0, gid = 0, source }: PlannedMount): string {
  if (mkdirSync(folder, { recursive: true, mode: 0o755 }) !== undefined) {
    chownSync(folder, uid, gid);
    chmodSync(folder, mode);
  }
  if (source === undefined) return folder;
  using root = openRootDir(folder);
  root.mkdirAll(fromText(posix.resolve('/', source)), { mode, uid, gid });
  return folder;
}
