import { readFileSync } from 'node:fs';

import { fromErrno, isErrno, TsbuildError, type ByteString } from '../../../core/index.ts';
import { startTicksOf } from '../../../runtime/index.ts';
import type { Lock, Store } from '../../../store/index.ts';
import {
  mountOverlay,
  mountOverlayView,
  openRootDir,
  rootDirOf,
  type OverlaySource,
  type RootDir,
} from '../../../sys/index.ts';
import { containerState, tryContainerLock } from '../records.ts';
import type { ContainerRecord } from '../types.ts';

/** A container's files under one root, until it is disposed of. */
export interface ContainerRoot extends AsyncDisposable {
  readonly root: RootDir;
  /** It runs: its files may change at any moment, and its mounts are seen. */
  readonly running: boolean;
  /** Where something is mounted in it. */
  readonly mountPoints: ReadonlySet<ByteString>;
}

/**
 * What is at `/` of a container: of a running one what its own first process sees, mounts included; of any other its
 * root file system. Throws CONTAINER_STATE when it cannot be written to.
 */
export async function openContainerRoot(
  store: Store,
  record: ContainerRecord,
  access: 'read' | 'write',
): Promise<ContainerRoot> {
  const running = await runningRoot(store, record);
  if (running !== undefined) return { ...held(running.root), ...running, running: true };
  if (access === 'read') return held(mergedRoot(record));
  if (record.spec.config.root.readonly === true) {
    throw new TsbuildError(
      'CONTAINER_STATE',
      `the root file system of container ${record.name} is read-only`,
    );
  }
  // Two writable mounts of the same folders would not know of each other.
  const lock = await tryContainerLock(store, record.id);
  if (lock === undefined) {
    throw new TsbuildError('CONTAINER_STATE', `container ${record.name} is just being started or removed`, {
      hint: 'try again in a moment',
    });
  }
  try {
    return held(writableRoot(record), lock);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw fromErrno(error, `mounting the files of container ${record.name}`);
  }
}

/** What the container wrote, as overlay keeps it. */
export function openUpper(record: ContainerRecord): RootDir {
  return openRootDir(overlayOf(record).upper);
}

/** The root file system that the container began with. */
export function openBase(record: ContainerRecord): RootDir {
  return view(record, overlayOf(record).lowers);
}

/** The root file system as it is now, without anything that is mounted in it. */
export function mergedRoot(record: ContainerRecord): RootDir {
  const { upper, lowers } = overlayOf(record);
  return view(record, [upper, ...lowers]);
}

function view({ name }: ContainerRecord, lowers: readonly string[]): RootDir {
  try {
    return rootDirOf(mountOverlayView(lowers));
  } catch (error) {
    throw fromErrno(error, `mounting the files of container ${name}`);
  }
}

function writableRoot(record: ContainerRecord): RootDir {
  const { lowers, upper, work } = overlayOf(record);
  return rootDirOf(mountOverlay({ lowers, upper, work }, { volatile: false }));
}

function overlayOf({ name, spec }: ContainerRecord): OverlaySource {
  if (spec.rootfs.kind === 'overlay') return spec.rootfs.overlay;
  throw new Error(`the root file system of container ${name} is no overlay`);
}

/** Undefined when it does not run. */
async function runningRoot(
  store: Store,
  { id }: ContainerRecord,
): Promise<Pick<ContainerRoot, 'root' | 'mountPoints'> | undefined> {
  const state = await containerState(store, id);
  if (state.status !== 'running') return undefined;
  const { pid, startTicks } = state;
  let mountInfo: string;
  let root: RootDir;
  try {
    mountInfo = readFileSync(`/proc/${pid}/mountinfo`, 'latin1');
    root = openRootDir(`/proc/${pid}/root`);
  } catch (error) {
    // It has just ended.
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EINVAL') && process.getuid?.() === 0) return undefined;
    throw error;
  }
  // The number may have gone to a stranger between the two looks; with the start time it names one process only.
  const same = startTicks === undefined || startTicksOf(pid) === startTicks;
  const again = await containerState(store, id);
  if (same && again.status === 'running' && again.pid === pid) {
    return { root, mountPoints: mountPointsOf(mountInfo) };
  }
  root[Symbol.dispose]();
  return undefined;
}

/** proc_pid_mountinfo(5): the fifth field, in which blanks and their like are octal. */
function mountPointsOf(mountInfo: string): ReadonlySet<ByteString> {
  const escaped = mountInfo.split('\n').map((line) => line.split(' ')[4] ?? '');
  return new Set(
    escaped.map(
      (path) =>
        path.replace(/\\([0-7]{3})/g, (_, octal: string) =>
          String.fromCharCode(Number.parseInt(octal, 8)),
        ) as ByteString,
    ),
  );
}

function held(root: RootDir, lock?: Lock): ContainerRoot {
  return {
    root,
    running: false,
    mountPoints: new Set(),
    [Symbol.asyncDispose]: async () => {
      root[Symbol.dispose]();
      await lock?.[Symbol.asyncDispose]();
    },
  };
}
