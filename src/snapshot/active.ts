import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { fromErrno, type ByteString } from '../core/index.ts';
import {
  mountOverlay,
  openRootDir,
  rootDirOf,
  type FileStat,
  type OverlaySource,
  type RootDir,
} from '../sys/index.ts';
import { lowersOfChain } from './chain-lowers.ts';
import { ClaimedFolder } from './claimed.ts';
import { keptXattrs } from './entry.ts';
import type { SnapshotFolder } from './folder.ts';
import { isEmpty } from './upper-marks.ts';
import type {
  ActiveSnapshot,
  CommittedSoon,
  MountedRoot,
  Snapshot,
  SnapshotId,
  StateSource,
} from './types.ts';

const here = '.' as ByteString;
const fsName = 'fs' as ByteString;
const workName = 'work' as ByteString;

/** A new upper directory on top of the parent. */
export function createActive(folder: SnapshotFolder, parent: Snapshot | undefined): ActiveSnapshot {
  const { id, lock } = folder.claim();
  try {
    return new OverlayActive(folder, parent, new ClaimedFolder(folder, parent, { id, lock }));
  } catch (error) {
    folder.remove(id);
    lock.release();
    throw error;
  }
}

class OverlayActive implements ActiveSnapshot {
  readonly id: SnapshotId;
  readonly source: StateSource;
  readonly folder: string;
  readonly #overlay: OverlaySource;
  readonly #claimed: ClaimedFolder;
  readonly #parent: Snapshot | undefined;
  /** Of the parent's root. */
  readonly #attributes: string;

  constructor(folder: SnapshotFolder, parent: Snapshot | undefined, claimed: ClaimedFolder) {
    this.id = claimed.id;
    this.folder = claimed.fs;
    this.#claimed = claimed;
    this.#parent = parent;
    const lowers = lowersOfChain(folder, parent?.chain ?? []);
    this.#overlay = {
      lowers: lowers.length > 0 ? lowers : [folder.empties()[0]],
      upper: this.folder,
      work: join(claimed.path, workName),
    };
    this.source = { kind: 'overlay', overlay: this.#overlay };
    using root = openRootDir(claimed.path);
    using top = openRootDir(lowers[0] ?? folder.empties()[0]);
    root.mkdir(fsName, 0o700);
    this.#attributes = likeParent(root, top);
    root.mkdir(workName, 0o700);
  }

  async mount(): Promise<MountedRoot> {
    const open = (): RootDir => {
      // A volatile overlay leaves a mark in its work folder and is never mounted with it again.
      this.#freshWork();
      return rootDirOf(this.#mountOverlay());
    };
    return this.#claimed.mounted(open, () => this.#freshWork());
  }

  async commit(): Promise<Snapshot> {
    this.#claimed.requireOpen();
    this.#seal();
    return this.#claimed.finish();
  }

  commitSoon(): CommittedSoon {
    const snapshot = this.#claimed.finish();
    // One layer less for every container to come.
    if (this.#parent !== undefined && this.#isUnchanged())
      return { snapshot: this.#parent, done: this.#soon(() => this.#claimed.remove()), unchanged: true };
    return { snapshot, done: this.#soon(() => this.#sealOrRemove()), unchanged: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#claimed.giveUp();
  }

  #seal(): void {
    using root = openRootDir(this.#claimed.path);
    root.removeAll(workName);
    this.#claimed.commit();
  }

  /** Of its root only the time may differ, as in the layer. */
  #isUnchanged(): boolean {
    using upper = openRootDir(this.folder);
    return isEmpty(upper) && rootAttributes(upper) === this.#attributes;
  }

  async #soon(act: () => void): Promise<void> {
    await nextTurn();
    act();
  }

  #sealOrRemove(): void {
    try {
      this.#seal();
    } catch (error) {
      this.#claimed.remove();
      throw error;
    }
  }

  #mountOverlay(): number {
    try {
      return mountOverlay(this.#overlay);
    } catch (error) {
      throw fromErrno(error, 'mounting a snapshot');
    }
  }

  #freshWork(): void {
    using root = openRootDir(this.#claimed.path);
    root.removeAll(workName);
    root.mkdir(workName, 0o700);
  }
}

/**
 * The upper's root is what shows as the root of the merged tree: it begins as the parent's. Returns what
 * `attributesText` says of that.
 */
function likeParent(root: RootDir, parent: RootDir): string {
  const stat = parent.lstat(here);
  const xattrs = keptXattrs(parent, here);
  root.chown(fsName, stat.uid, stat.gid);
  for (const [name, value] of xattrs) root.setXattr(fsName, name, value);
  root.chmod(fsName, stat.mode);
  root.setTimes(fsName, { seconds: stat.mtime, nanos: stat.mtimeNanos });
  return attributesText(stat, xattrs);
}

function rootAttributes(root: RootDir): string {
  return attributesText(root.lstat(here), keptXattrs(root, here));
}

function attributesText({ uid, gid, mode }: FileStat, xattrs: ReturnType<typeof keptXattrs>): string {
  return JSON.stringify([uid, gid, mode, xattrs]);
}
