import { fstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno } from '../core/index.ts';
import { removeFile } from './remove-file.ts';
import { flock, tryFlock, type Flock } from './lock.ts';

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((holder: string) => void) | undefined;
}

/**
 * A held lock whose file goes away with it, so that what is used for years does not fill with lock files. Unlinking a
 * lock file is safe only because every taker checks, once it has the lock, that the path still names the file it
 * locked: a waiter that wakes on an unlinked file would else hold a lock beside the holder of the new file.
 */
export interface LinkedLock {
  readonly fd: number;
  /** Never fails; idempotent, as is `leave`. */
  release(): void;
  /** As if the holder had died: the file stays, for the next that asks. */
  leave(): void;
}

export function tryTakeLock(path: string): LinkedLock | undefined {
  for (;;) {
    const taken = tryFlock(path);
    if (taken === undefined) return undefined;
    if (isStillLinked(taken, path)) return linked(taken, path);
    taken.release();
  }
}

export async function takeLock(path: string, options: WaitOptions = {}): Promise<LinkedLock> {
  let told = false;
  const onWait = (holder: string): void => {
    if (!told) options.onWait?.(holder);
    told = true;
  };
  for (;;) {
    const taken = await flock(path, { signal: options.signal, onWait });
    if (isStillLinked(taken, path)) return linked(taken, path);
    taken.release();
  }
}

/** Removes the files of locks that nobody holds: what killed processes left. Every file of the folder must be one. */
export function removeDeadLocks(folder: string): void {
  for (const name of readdirSync(folder)) tryTakeLock(join(folder, name))?.release();
}

function isStillLinked(taken: Flock, path: string): boolean {
  try {
    const [there, mine] = [statSync(path), fstatSync(taken.fd)];
    return there.ino === mine.ino && there.dev === mine.dev;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

function linked(taken: Flock, path: string): LinkedLock {
  let released = false;
  const leave = (): void => {
    released = true;
    taken.release();
  };
  return {
    fd: taken.fd,
    release: () => {
      try {
        // Unlinked while still held: the next taker finds either no file or a file nobody else can have.
        if (!released) removeFile(path);
      } catch {
        // A file that nobody holds is in nobody's way; a lock that is never let go would be.
      }
      leave();
    },
    leave,
  };
}
