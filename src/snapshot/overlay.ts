import { fromErrno, isErrno, TsbuildError } from '../core/index.ts';
import { mountOverlayView, openRootDir, rootDirOfMount, type RootDir } from '../sys/index.ts';
import { createActive } from './active.ts';
import { upperChanges } from './changes.ts';
import { SnapshotFolder } from './folder.ts';
import { lowersOfChain } from './chain-lowers.ts';
import { isSnapshotId } from './snapshot-id.ts';
import { isEmpty, isUntouched } from './upper-marks.ts';
import type { LocalSnapshotter, MountedRoot, SnapshotId } from './types.ts';

/**
 * Snapshots as overlay upper directories in `path` (a store's `snapshots`), which is created when missing and must be
 * on a file system that overlay takes as upper. Mounting where it is not allowed is HOST_UNSUPPORTED.
 */
export function overlaySnapshotter(path: string): LocalSnapshotter {
  const folder = new SnapshotFolder(path, 'overlay');

  function lowersOf(chain: readonly SnapshotId[]): readonly string[] {
    const lowers = lowersOfChain(folder, chain);
    return lowers.length > 1 ? lowers : [...lowers, ...folder.empties()];
  }

  function top(chain: readonly SnapshotId[]): MountedRoot {
    return held(openRootDir(lowersOfChain(folder, chain)[0] ?? folder.empties()[0]));
  }

  function view(chain: readonly SnapshotId[]): MountedRoot {
    const root = rootDirOfMount(mountOverlayView(lowersOf(chain)));
    return held(root);
  }

  return {
    driver: 'overlay',
    prepare: async (parent) => attempt('preparing a snapshot', () => createActive(folder, parent)),
    view: async (snapshot) => attempt('mounting a snapshot', () => view(snapshot?.chain ?? [])),
    async *changes({ id, chain }, { signal } = {}) {
      using upper = attempt('opening a snapshot', () => openRootDir(folder.fs(id)));
      const below = chain.slice(0, -1);
      // An upper that holds nothing is compared with the parents' root alone, which is that of the topmost one.
      await using parents = attempt('mounting a snapshot', () => (isEmpty(upper) ? top(below) : view(below)));
      yield* upperChanges(upper, parents.root, signal);
    },
    lowers: (snapshot) => attempt('opening a snapshot', () => lowersOf(snapshot?.chain ?? [])),
    leavesAlone: (id, name) => attempt('opening a snapshot', () => isUntouched(folder.fs(id), name)),
    // Read through an overlay, a file is opened twice.
    contents: async ({ id }) => attempt('opening a snapshot', () => held(openRootDir(folder.fs(id)))),
    notes: (id) => folder.notes(id),
    exists: async (id) => isSnapshotId(id) && folder.isCommitted(id),
    remove: async (id) => attempt('removing a snapshot', () => folder.remove(id)),
    sweep: async () => attempt('removing abandoned snapshots', () => folder.sweep()),
  };
}

function held(root: RootDir): MountedRoot {
  return { root, [Symbol.asyncDispose]: async () => root[Symbol.dispose]() };
}

function attempt<T>(doing: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isErrno(error, 'EPERM') && process.getuid?.() !== 0) {
      throw new TsbuildError('HOST_UNSUPPORTED', `${doing}: this process may not mount anything`, {
        hint: 'the command tsbuild sees to it by itself; a program that uses the library is started with: unshare --map-auto --map-root-user --mount',
        cause: error,
      });
    }
    throw fromErrno(error, doing);
  }
}
