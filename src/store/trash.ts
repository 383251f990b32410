import { existsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

import { digestParts, fromErrno, fromText, isDigest, isErrno, type Digest } from '../core/index.ts';
import { namesIn, openRootDir } from '../sys/index.ts';
import { moveInto } from './files.ts';
import type { StorePaths } from './format.ts';

/** A blob or a snapshot, as the file or folder that it is. */
export interface StoredItem {
  /** Digest of the blob, or name of the snapshot. */
  readonly id: string;
  readonly kind: 'blob' | 'snapshot';
  readonly path: string;
  /** Where it lies while it is moved aside. */
  readonly trashed: string;
}

export interface Collected {
  readonly blobs: number;
  readonly snapshots: number;
  /** Of the blobs. */
  readonly bytes: number;
}

/** Moves items aside by renames, which can be undone until `empty`. */
export interface Trash {
  take(item: StoredItem): void;
  /** Puts back what fits, or all. Where the item was made again meanwhile, the one in the trash stays there. */
  restore(fits?: (item: StoredItem) => boolean): void;
  holdsAny(): boolean;
  /** Deletes all that is in it. */
  empty(onDelete?: (item: StoredItem) => void): Collected;
}

export function openTrash(paths: StorePaths): Trash {
  const items = (): StoredItem[] => namesIn(paths.trash).flatMap((name) => itemOfTrash(paths, name) ?? []);
  return {
    take(item) {
      try {
        moveInto(item.path, item.trashed);
      } catch (error) {
        // Somebody else removed it: that is what is wanted.
        if (!isErrno(error, 'ENOENT')) throw error;
      }
    },
    restore(fits = () => true) {
      for (const item of items()) {
        if (fits(item) && !existsSync(item.path)) moveInto(item.trashed, item.path);
      }
    },
    holdsAny: () => items().length > 0,
    empty(onDelete) {
      let [blobs, snapshots, bytes] = [0, 0, 0];
      using folder = openRootDir(paths.trash);
      for (const item of items()) {
        onDelete?.(item);
        if (item.kind === 'blob') {
          blobs += 1;
          bytes += statSync(item.trashed, { throwIfNoEntry: false })?.size ?? 0;
        } else {
          snapshots += 1;
        }
        try {
          // A step may have made folders so deep that no path reaches them.
          folder.removeAll(fromText(basename(item.trashed)));
        } catch (error) {
          throw fromErrno(error, `removing ${item.trashed}`);
        }
      }
      return { blobs, snapshots, bytes };
    },
  };
}

/** All blobs and snapshots of the store. */
export function* listItems(paths: StorePaths): Iterable<StoredItem> {
  for (const algorithm of namesIn(paths.blobs)) {
    for (const hex of namesIn(join(paths.blobs, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      if (isDigest(digest)) yield blobItem(paths, digest);
    }
  }
  for (const name of namesIn(paths.snapshots)) if (isSnapshotName(name)) yield snapshotItem(paths, name);
}

export function blobItem(paths: StorePaths, digest: Digest): StoredItem {
  const { algorithm, hex } = digestParts(digest);
  return {
    id: digest,
    kind: 'blob',
    path: join(paths.blobs, algorithm, hex),
    trashed: join(paths.trash, `${algorithm}:${hex}`),
  };
}

function snapshotItem(paths: StorePaths, name: string): StoredItem {
  return { id: name, kind: 'snapshot', path: join(paths.snapshots, name), trashed: join(paths.trash, name) };
}

function itemOfTrash(paths: StorePaths, trashed: string): StoredItem | undefined {
  const name = basename(trashed);
  if (isDigest(name)) return blobItem(paths, name);
  return isSnapshotName(name) ? snapshotItem(paths, name) : undefined;
}

/** Other things in the snapshots' folder belong to the snapshotters themselves. */
function isSnapshotName(name: string): boolean {
  return /^[a-z0-9]{10}$/.test(name);
}
