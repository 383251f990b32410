import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { isErrno, TsbuildError } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked, errno } from './errno.ts';
import { LOCK_EX, LOCK_NB } from './flags.ts';

/**
 * A held exclusive flock. It belongs to the open file, so the kernel releases it when the process dies in whatever
 * way; the descriptor is close-on-exec, so no child keeps it.
 */
export interface Flock {
  readonly fd: number;
  /** Idempotent. */
  release(): void;
}

export interface FlockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, when it must wait, with the pid the holder wrote (for messages only; may be empty). */
  readonly onWait?: ((holder: string) => void) | undefined;
}

const firstPause = 2;
const longestPause = 50;

/** The lock of the file, which is created when missing; undefined when someone holds it. */
export function tryFlock(path: string): Flock | undefined {
  return tryFlockOf(openLockFile(path));
}

function tryFlockOf(fd: number): Flock | undefined {
  try {
    if (take(fd)) return held(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

/** Whether nobody holds the lock of a file that is there. False when there is none, which is not made. */
export function isUnlocked(path: string): boolean {
  try {
    const lock = tryFlockOf(openSync(path, constants.O_RDWR));
    lock?.release();
    return lock !== undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * Waits for the lock. It asks again and again, with longer pauses up to 50 ms: a blocking flock would hold a thread,
 * could not be cancelled, and a handful of waiters would stop all other work of the process.
 * Throws INTERRUPTED when the signal is aborted.
 */
export async function flock(path: string, options: FlockOptions = {}): Promise<Flock> {
  const fd = openLockFile(path);
  try {
    throwIfAborted(options.signal);
    for (let pause = firstPause, told = false; !take(fd); pause = Math.min(pause * 1.5, longestPause)) {
      if (!told) options.onWait?.(holderOf(fd));
      told = true;
      await sleep(pause, undefined, { signal: options.signal }).catch(() => undefined);
      throwIfAborted(options.signal);
    }
    return held(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Not through a symlink: in a folder that others can write it would lead to a file that must not be emptied. */
function openLockFile(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
}

/** Read by descriptor: the holder may remove the file when it is done. */
function holderOf(fd: number): string {
  const buffer = Buffer.alloc(32);
  return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0)).trim();
}

function take(fd: number): boolean {
  const result = addon().flock(fd, LOCK_EX | LOCK_NB);
  if (result === -errno.EWOULDBLOCK) return false;
  checked(result, 'flock');
  return true;
}

function held(fd: number): Flock {
  try {
    overwriteFile(fd, `${process.pid}\n`);
  } catch {
    // Only a message lacks the pid then; a full disk must not keep anyone from the lock under which space is freed.
  }
  let released = false;
  return {
    fd,
    release: () => {
      if (released) return;
      released = true;
      closeSync(fd);
    },
  };
}

/**
 * Leaves this text alone in a file, never an empty one: ext4 takes a file that was cut to nothing for one that is
 * replaced, and its close starts to write it to the disk (auto_da_alloc).
 */
export function overwriteFile(fd: number, text: string): void {
  const length = writeSync(fd, text, 0);
  if (fstatSync(fd).size > length) ftruncateSync(fd, length);
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new TsbuildError('INTERRUPTED', 'interrupted while waiting for a lock', { cause: signal.reason });
}
