import { fromText } from '../../core/index.ts';
import type { Store } from '../../store/index.ts';
import { openRootDir, type RootDir } from '../../sys/index.ts';
import { listContainers } from '../container/records.ts';
import {
  deleteVolume,
  listVolumes,
  readVolume,
  tryVolumeLock,
  usesVolume,
  volumeData,
  volumeLock,
  type VolumeRecord,
} from './volume-store.ts';

export interface Pruned {
  readonly names: readonly string[];
  /** On disk. */
  readonly bytes: number;
}

/** Removes the volumes that no container uses: those without a name, or all. One that is just being made stays. */
export async function pruneVolumes(store: Store, options: { readonly all: boolean }): Promise<Pruned> {
  const names: string[] = [];
  let bytes = 0;
  for (const { name } of listVolumes(store)) {
    await using lock = await tryVolumeLock(store, name);
    const volume = lock === undefined ? undefined : readVolume(store, name);
    if (volume === undefined || !isUnused(store, volume, options.all)) continue;
    bytes += sizeOf(store, name);
    deleteVolume(store, name);
    names.push(name);
  }
  return { names, bytes };
}

function isUnused(store: Store, { name, anonymous }: VolumeRecord, all: boolean): boolean {
  return (anonymous || all) && !listContainers(store).some((record) => usesVolume(record, name));
}

/** Of its files, each inode once. */
function sizeOf(store: Store, name: string): number {
  using root = openRootDir(volumeData(store, name));
  const seen = new Set<string>();
  const walk = (folder: RootDir): number =>
    folder.list(fromText('.')).reduce((sum, entry) => {
      const { type, size, inode } = folder.lstat(entry);
      if (type === 'directory') {
        using below = folder.sub(entry);
        return sum + walk(below);
      }
      if (type !== 'file' || seen.has(inode)) return sum;
      seen.add(inode);
      return sum + size;
    }, 0);
  return walk(root);
}

/** Those made for one container, after its record is gone. Others that got them by --volumes-from keep them. */
export async function removeOwnVolumes(store: Store, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await using _lock = await volumeLock(store, name);
    if (!listContainers(store).some((record) => usesVolume(record, name))) deleteVolume(store, name);
  }
}
