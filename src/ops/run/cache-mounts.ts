import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join, posix } from 'node:path';

import { fromText } from '../../core/index.ts';
import type { PlannedMount } from '../../graph/index.ts';
import type { RunContext } from '../../solver/index.ts';
import type { Store } from '../../store/index.ts';
import { makeFolder, openRootDir } from '../../sys/index.ts';
import {
  folderOf,
  identityJson,
  leaseOfCacheMount,
  makingLockOf,
  type CacheAttributes,
  type CacheIdentity,
} from '../cache-mounts/identity.ts';
import { lockAside } from '../lock-aside.ts';
import type { BuildServices, State } from '../types.ts';
import { fillFromSeed, type Seed } from './seed.ts';
import { digestOfSource, sourceNameOf, sourcePathOf } from './source.ts';

export interface CacheRequest {
  readonly services: BuildServices;
  /** Of the step: seeds are among them. */
  readonly inputs: readonly State[];
  readonly context: RunContext;
  readonly held: AsyncDisposableStack;
}

/** Host folders of a step's cache mounts, by mount; the locks that go with them end when `held` is disposed. */
export async function cacheFolders(
  mounts: readonly PlannedMount[],
  request: CacheRequest,
): Promise<ReadonlyMap<PlannedMount, string>> {
  const { services, context, held } = request;
  const caches: Cache[] = [];
  for (const mount of mounts) if (mount.type === 'cache') caches.push(await cacheOf(mount, request));
  // One lock a cache however often it is mounted, and all builders in one order: else two of them wait for each other.
  const locked = new Map(
    caches.filter(({ mount }) => mount.sharing === 'locked').map(({ key, mount }) => [key, mount]),
  );
  for (const [key, mount] of [...locked].sort(([one], [other]) => (one < other ? -1 : 1))) {
    held.use(await lockAside(services.store, lockName(key), { what: shownAs(mount), context }));
  }
  const copies = new Map<string, string>();
  const folders = new Map<PlannedMount, string>();
  for (const cache of caches) {
    const { mount, key, seed } = cache;
    const name =
      mount.sharing === 'private' ? (copies.get(key) ?? (await privateCopy(key, services.store, held))) : key;
    if (mount.sharing === 'private') copies.set(key, name);
    const folder = await ensureFolder(name, cache, request);
    if (seed === undefined) makeInside(folder, mount);
    folders.set(mount, folder);
  }
  return folders;
}

interface Cache {
  readonly mount: PlannedMount;
  readonly identity: CacheIdentity;
  /** Of its folder. */
  readonly key: string;
  readonly seed: Seed | undefined;
}

async function cacheOf(mount: PlannedMount, { services, inputs, context }: CacheRequest): Promise<Cache> {
  const id = idOf(mount);
  const state = mount.input === undefined ? undefined : inputs[mount.input];
  const path = sourcePathOf(mount);
  const attributes = state !== undefined || path === '/' ? attributesOf(mount) : undefined;
  if (state === undefined) {
    const identity = { id, attributes };
    return { mount, identity, key: folderOf(identity), seed: undefined };
  }
  const digest = await digestOfSource(services, { state, path }, context.signal);
  const identity = { id, attributes, seed: { path, digest } };
  return { mount, identity, key: folderOf(identity), seed: { state, path, name: sourceNameOf(mount) } };
}

function idOf(mount: PlannedMount): string {
  return mount.id ?? posix.normalize(mount.target);
}

function shownAs(mount: PlannedMount): string {
  return `the cache mount ${JSON.stringify(idOf(mount))}`;
}

function attributesOf({ mode, uid, gid }: PlannedMount): CacheAttributes | undefined {
  if ((mode ?? 0o755) === 0o755 && (uid ?? 0) === 0 && (gid ?? 0) === 0) return undefined;
  return { mode: mode ?? 0o755, uid: uid ?? 0, gid: gid ?? 0 };
}

function lockName(name: string): string {
  return `cache-${name}`;
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

/**
 * Made aside and then given its name, with the owner, mode and content that it starts with: no other step ever sees one
 * that is half made, and a killed builder leaves none. The lock keeps two builders from putting one in place of the
 * other's, which may be in use by then.
 */
async function ensureFolder(
  name: string,
  { mount, identity, seed }: Cache,
  { services, context }: CacheRequest,
): Promise<string> {
  const { store, lease } = services;
  const folder = join(store.root, 'cache-mounts', name);
  // Under its lock, so that pruning either finds the lease or is done before the look.
  // Steps hold it for a moment, who exports the cache for long.
  await using _lock = await lockAside(store, makingLockOf(name), {
    ...{ what: shownAs(mount), context },
    silence: 1000,
  });
  await lease.keep({ snapshot: leaseOfCacheMount(name) });
  if (existsSync(folder)) {
    // One of before a power loss is not trusted, and would stay so.
    if (await store.records.has('mounts', name)) await store.records.touch('mounts', name);
    else await store.records.put('mounts', name, identityJson(identity));
    return folder;
  }
  await store.records.put('mounts', name, identityJson(identity));
  await using aside = await store.tempDir();
  const fresh = join(aside.path, 'cache');
  mkdirSync(fresh, { mode: 0o755 });
  {
    using root = openRootDir(aside.path);
    const top = fromText('cache');
    root.chown(top, mount.uid ?? 0, mount.gid ?? 0);
    root.chmod(top, mount.mode ?? 0o755);
  }
  if (seed !== undefined) await fillFromSeed(fresh, seed, { mount, services, signal: context.signal });
  makeFolder(join(store.root, 'cache-mounts'), 0o700);
  renameSync(fresh, folder);
  return folder;
}

/** A folder inside an empty cache comes into being with its first mount. */
function makeInside(folder: string, mount: PlannedMount): void {
  const path = sourcePathOf(mount);
  if (path === '/') return;
  using root = openRootDir(folder);
  const { mode = 0o755, uid = 0, gid = 0 } = mount;
  root.mkdirAll(fromText(path), { mode, uid, gid });
}
