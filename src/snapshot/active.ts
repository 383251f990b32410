import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { fromErrno, type ByteString } from '../core/index.ts';
import {
  mountOverlay,
  openRootDir,
  rootDirOf,
  type FileStat,
  type Flock,
  type OverlaySource,
  type RootDir,
} from '../sys/index.ts';
import { lowersOfChain } from './chain-lowers.ts';
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
    return new OverlayActive(folder, parent, { id, lock });
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
  readonly #folder: SnapshotFolder;
  readonly #chain: readonly SnapshotId[];
  readonly #parent: Snapshot | undefined;
  /** Of the parent's root. */
  readonly #attributes: string;
  readonly #lock: Flock;
  #state: 'open' | 'mounted' | 'done' = 'open';

  constructor(
    folder: SnapshotFolder,
    parent: Snapshot | undefined,
    claim: { readonly id: SnapshotId; readonly lock: Flock },
  ) {
    this.id = claim.id;
    this.#folder = folder;
    this.#lock = claim.lock;
    this.#chain = [...(parent?.chain ?? []), claim.id];
    const lowers = lowersOfChain(folder, parent?.chain ?? []);
    this.folder = folder.fs(claim.id);
    this.#overlay = {
      lowers: lowers.length > 0 ? lowers : [folder.empties()[0]],
      upper: this.folder,
      work: join(folder.of(claim.id), workName),
    };
    this.source = { kind: 'overlay', overlay: this.#overlay };
    this.#parent = parent;
    using root = openRootDir(folder.of(claim.id));
    using top = openRootDir(lowers[0] ?? folder.empties()[0]);
    root.mkdir(fsName, 0o700);
    this.#attributes = likeParent(root, top);
    root.mkdir(workName, 0o700);
  }

  async mount(): Promise<MountedRoot> {
    if (this.#state !== 'open') throw new Error(`the snapshot ${this.id} is ${this.#state}`);
    // A volatile overlay leaves a mark in its work folder and is never mounted with it again.
    this.#freshWork();
    const root = rootDirOf(this.#mountOverlay());
    this.#state = 'mounted';
    return {
      root,
      [Symbol.asyncDispose]: async () => {
        root[Symbol.dispose]();
        if (this.#state !== 'mounted') return;
        this.#state = 'open';
        this.#freshWork();
      },
    };
  }

  async commit(): Promise<Snapshot> {
    this.#requireOpen();
    this.#seal();
    this.#state = 'done';
    return { id: this.id, chain: this.#chain };
  }

  commitSoon(): CommittedSoon {
    this.#requireOpen();
    this.#state = 'done';
    // One layer less for every container to come.
    if (this.#parent !== undefined && this.#isUnchanged())
      return { snapshot: this.#parent, done: this.#soon(() => this.#remove()), unchanged: true };
    const snapshot = { id: this.id, chain: this.#chain };
    return { snapshot, done: this.#soon(() => this.#sealOrRemove()), unchanged: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#remove();
  }

  #requireOpen(): void {
    if (this.#state === 'open') return;
    throw new Error(`the snapshot ${this.id} is ${this.#state}: it cannot be committed`);
  }

  #seal(): void {
    using root = openRootDir(this.#folder.of(this.id));
    root.removeAll(workName);
    this.#folder.commit(this.id, this.#lock, this.#chain);
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
      this.#remove();
      throw error;
    }
  }

  #remove(): void {
    try {
      this.#folder.remove(this.id);
    } finally {
      this.#lock.release();
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
    using root = openRootDir(this.#folder.of(this.id));
    freshWork(root);
  }
}

function freshWork(root: RootDir): void {
  root.removeAll(workName);
  root.mkdir(workName, 0o700);
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
