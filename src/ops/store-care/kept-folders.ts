import { renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { fromText, isErrno, isJsonObject } from '../../core/index.ts';
import { DiskMeter, liveLeases, type Store } from '../../store/index.ts';
import { namesIn, openRootDir } from '../../sys/index.ts';
import { isCacheFolder, leaseOfCacheMount, makingLockOf } from '../cache-mounts/identity.ts';
import type { CacheType } from './step-text.ts';

/** What the store keeps beside steps to make builds faster: a folder or a file that a build can do without. */
export interface KeptFolder {
  /** 12 characters. */
  readonly id: string;
  readonly type: Extract<CacheType, 'source.git' | 'source.http' | 'exec.cachemount'>;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly used: number;
  /** Host path. */
  readonly path: string;
  /** Whether a build that runs may be using it. */
  readonly inUse: boolean;
}

/** Cache mounts, git repositories and downloads. */
export async function listKeptFolders(store: Store): Promise<readonly KeptFolder[]> {
  const leases = liveLeases(store);
  const mounts = namesIn(join(store.root, 'cache-mounts')).filter(isCacheFolder).sort();
  const cacheMounts = mounts.map(async (name): Promise<KeptFolder> => {
    const [key = ''] = name.split('-');
    const record = (await store.records.get('mounts', name)) ?? (await store.records.get('mounts', key));
    const stat = await store.records.stat('mounts', name);
    const path = join(store.root, 'cache-mounts', name);
    return {
      id: idOfFolder(name),
      type: 'exec.cachemount',
      text: isJsonObject(record) && typeof record['id'] === 'string' ? record['id'] : '',
      used: stat?.used ?? modified(path),
      path,
      inUse: leases.snapshots.has(leaseOfCacheMount(name)),
    };
  });
  return [
    ...(await Promise.all(cacheMounts)),
    ...listRepositories(store),
    ...listDownloads(store, leases.since),
  ];
}

function listRepositories(store: Store): readonly KeptFolder[] {
  return namesIn(join(store.root, 'git'))
    .sort()
    .map((name) => {
      const path = join(store.root, 'git', name);
      return {
        id: idOfFolder(name),
        type: 'source.git',
        text: 'git repository',
        used: newestIn(path),
        path,
        inUse: false,
      };
    });
}

/** Builds take no lock on downloads: while there is one, all stay. */
function listDownloads(store: Store, since: number | undefined): readonly KeptFolder[] {
  const folder = join(store.root, 'downloads/files');
  return namesIn(folder)
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const id = idOfFolder(name.replace(/^sha\d+-/, ''));
      return {
        id,
        type: 'source.http',
        text: 'download',
        used: modified(path),
        path,
        inUse: since !== undefined,
      };
    });
}

/** The bytes that came free; undefined when it is in use after all. */
export async function removeKeptFolder(store: Store, kept: KeptFolder): Promise<number | undefined> {
  const name = kept.path.slice(kept.path.lastIndexOf('/') + 1);
  await using aside = await store.tempDir();
  const moved = join(aside.path, 'pruned');
  if (!(await moveAside(store, kept, { name, moved }))) return undefined;
  const { bytes } = new DiskMeter().measure(moved);
  // A program in a container may have made folders so deep that no path reaches them.
  using folder = openRootDir(aside.path);
  folder.removeAll(fromText('pruned'));
  return bytes;
}

async function moveAside(
  store: Store,
  kept: KeptFolder,
  { name, moved }: { readonly name: string; readonly moved: string },
): Promise<boolean> {
  await using lock = await store.tryLock(lockOf(kept, name));
  if (lock === undefined) return false;
  const leases = liveLeases(store);
  if (kept.type === 'exec.cachemount' && leases.snapshots.has(leaseOfCacheMount(name))) return false;
  if (kept.type === 'source.http' && leases.since !== undefined) return false;
  try {
    renameSync(kept.path, moved);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  if (kept.type === 'exec.cachemount') await store.records.delete('mounts', name);
  return true;
}

/** Of whoever makes the folder, or works in it. */
function lockOf({ type }: KeptFolder, name: string): string {
  if (type === 'exec.cachemount') return makingLockOf(name);
  return type === 'source.git' ? `git-${name.replace(/\.sha\d+$/, '')}` : `download-${name}`;
}

/** The id by which `du` and `prune` show it. */
export function idOfFolder(name: string): string {
  const copy = /-\d+$/.exec(name)?.[0] ?? '';
  return `${name.slice(0, 12 - copy.length)}${copy}`;
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** git writes below its folder, whose own time stays. */
function newestIn(path: string): number {
  return Math.max(modified(path), ...namesIn(path).map((name) => modified(join(path, name))));
}
