import { fromErrno, type ByteString } from '../core/index.ts';
import { openRootDir, readonlyRootDir, type Flock, type RootDir } from '../sys/index.ts';
import { Breath } from './breath.ts';
import { treeChanges } from './changes.ts';
import { copyWholeTree } from './copy-tree.ts';
import { SnapshotFolder } from './folder.ts';
import { isSnapshotId } from './snapshot-id.ts';
import type {
  ActiveSnapshot,
  CommittedSoon,
  LocalSnapshotter,
  MountedRoot,
  Snapshot,
  SnapshotId,
  StateSource,
} from './types.ts';

const fsName = 'fs' as ByteString;

/**
 * Snapshots as whole trees in `path`: each begins as a copy of its parent's, and its changes are found by comparing the
 * two. Slower and larger than overlay, with the same layers; needs no right to mount, and any file system of Linux.
 */
export function copyingSnapshotter(path: string): LocalSnapshotter {
  const folder = new SnapshotFolder(path, 'copy');
  const treeOf = (chain: readonly SnapshotId[]): string => {
    const top = chain.at(-1);
    return top === undefined ? folder.empties()[0] : folder.fs(top);
  };
  const viewOf = (chain: readonly SnapshotId[]): MountedRoot =>
    held(readonlyRootDir(openRootDir(treeOf(chain))));

  return {
    driver: 'copy',
    prepare: async (parent) =>
      attempt('preparing a snapshot', () => createCopy(folder, parent, treeOf(parent?.chain ?? []))),
    view: async (snapshot) => attempt('opening a snapshot', async () => viewOf(snapshot?.chain ?? [])),
    async *changes({ id, chain }, { signal } = {}) {
      await using parents = await attempt('opening a snapshot', async () => viewOf(chain.slice(0, -1)));
      using tree = await attempt('opening a snapshot', async () => openRootDir(folder.fs(id)));
      yield* treeChanges(tree, parents.root, signal);
    },
    // Each is a whole tree.
    leavesAlone: () => false,
    lowers: (snapshot) => [treeOf(snapshot?.chain ?? [])],
    contents: async ({ chain }) => attempt('opening a snapshot', async () => viewOf(chain)),
    notes: (id) => folder.notes(id),
    exists: async (id) => isSnapshotId(id) && folder.isCommitted(id),
    remove: async (id) => attempt('removing a snapshot', async () => folder.remove(id)),
    sweep: async () => attempt('removing abandoned snapshots', async () => folder.sweep()),
  };
}

async function createCopy(
  folder: SnapshotFolder,
  parent: Snapshot | undefined,
  tree: string,
): Promise<ActiveSnapshot> {
  const { id, lock } = folder.claim();
  try {
    using root = openRootDir(folder.of(id));
    root.mkdir(fsName, 0o700);
    using to = root.sub(fsName);
    using from = openRootDir(tree);
    await copyWholeTree(from, to, new Breath());
    return new CopyActive(folder, parent, { id, lock });
  } catch (error) {
    folder.remove(id);
    lock.release();
    throw error;
  }
}

class CopyActive implements ActiveSnapshot {
  readonly id: SnapshotId;
  readonly source: StateSource;
  readonly folder: string;
  readonly #folder: SnapshotFolder;
  readonly #chain: readonly SnapshotId[];
  readonly #lock: Flock;
  #state: 'open' | 'mounted' | 'done' = 'open';

  constructor(
    folder: SnapshotFolder,
    parent: Snapshot | undefined,
    claim: { readonly id: SnapshotId; readonly lock: Flock },
  ) {
    this.id = claim.id;
    this.#folder = folder;
    this.#chain = [...(parent?.chain ?? []), claim.id];
    this.#lock = claim.lock;
    this.folder = folder.fs(this.id);
    this.source = { kind: 'folder', path: this.folder };
  }

  async mount(): Promise<MountedRoot> {
    if (this.#state !== 'open') throw new Error(`the snapshot ${this.id} is ${this.#state}`);
    const root = await attempt('opening a snapshot', async () => openRootDir(this.folder));
    this.#state = 'mounted';
    return {
      root,
      [Symbol.asyncDispose]: async () => {
        root[Symbol.dispose]();
        if (this.#state === 'mounted') this.#state = 'open';
      },
    };
  }

  async commit(): Promise<Snapshot> {
    if (this.#state !== 'open') {
      throw new Error(`the snapshot ${this.id} is ${this.#state}: it cannot be committed`);
    }
    this.#folder.commit(this.id, this.#lock, this.#chain);
    this.#state = 'done';
    return { id: this.id, chain: this.#chain };
  }

  commitSoon(): CommittedSoon {
    return { snapshot: { id: this.id, chain: this.#chain }, done: this.commit(), unchanged: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'done') return;
    this.#state = 'done';
    try {
      this.#folder.remove(this.id);
    } finally {
      this.#lock.release();
    }
  }
}

function held(root: RootDir): MountedRoot {
  return { root, [Symbol.asyncDispose]: async () => root[Symbol.dispose]() };
}

async function attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fromErrno(error, doing);
  }
}
