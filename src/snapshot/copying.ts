import { fromErrno, type ByteString } from '../core/index.ts';
import { openRootDir, readonlyRootDir, type RootDir } from '../sys/index.ts';
import { Breath } from './breath.ts';
import { treeChanges } from './changes.ts';
import { ClaimedFolder } from './claimed.ts';
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
    return new CopyActive(new ClaimedFolder(folder, parent, { id, lock }));
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
  readonly #claimed: ClaimedFolder;

  constructor(claimed: ClaimedFolder) {
    this.id = claimed.id;
    this.folder = claimed.fs;
    this.source = { kind: 'folder', path: this.folder };
    this.#claimed = claimed;
  }

  async mount(): Promise<MountedRoot> {
    return attempt('opening a snapshot', async () => this.#claimed.mounted(() => openRootDir(this.folder)));
  }

  async commit(): Promise<Snapshot> {
    this.#claimed.requireOpen();
    this.#claimed.commit();
    return this.#claimed.finish();
  }

  commitSoon(): CommittedSoon {
    const { id, chain } = this.#claimed;
    return { snapshot: { id, chain }, done: this.commit(), unchanged: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#claimed.giveUp();
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
