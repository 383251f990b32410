import { fstatSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { fromErrno, fromText, isErrno } from '../core/index.ts';
import { openRootDir, tryFlock, type Flock, randomHex } from '../sys/index.ts';

/** Secrets are for memory only: a tmpfs of the host, never a disk (S-62). Everybody may write to it. */
const memory = '/dev/shm';
const lockName = 'lock';

/**
 * A folder in memory that nobody else may enter; disposing removes it. What a killed process left is removed by the
 * next one to make such a folder: the lock in each tells who lives.
 */
export function memoryFolder(): { readonly path: string } & Disposable {
  try {
    const { name, lock } = claimFolder();
    return {
      path: join(memory, name),
      [Symbol.dispose]: () => {
        remove(name);
        lock.release();
      },
    };
  } catch (error) {
    throw fromErrno(error, `making a folder in ${memory}`);
  }
}

/** A file in a memory folder of its own, readable by its owner. */
export function memoryFile(value: Uint8Array): { readonly path: string } & Disposable {
  const folder = memoryFolder();
  const path = join(folder.path, 'content');
  try {
    writeFileSync(path, value, { mode: 0o400, flag: 'wx' });
    return { path, [Symbol.dispose]: () => folder[Symbol.dispose]() };
  } catch (error) {
    folder[Symbol.dispose]();
    throw fromErrno(error, `keeping a file in ${memory}`);
  }
}

function claimFolder(): { readonly name: string; readonly lock: Flock } {
  sweep();
  for (;;) {
    const name = `tsbuild-${process.geteuid?.() ?? 0}-${randomHex(8)}`;
    try {
      mkdirSync(join(memory, name), { mode: 0o700 });
      const lock = tryLock(name);
      if (lock !== undefined) return { name, lock };
    } catch (error) {
      if (!isErrno(error, 'EEXIST', 'ENOENT')) throw error;
    }
  }
}

/** Undefined when somebody holds it, or has removed it before it was ours. */
function tryLock(name: string): Flock | undefined {
  const path = join(memory, name, lockName);
  const lock = tryFlock(path);
  if (lock === undefined) return undefined;
  if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(lock.fd).ino) return lock;
  lock.release();
  return undefined;
}

function sweep(): void {
  const uid = process.geteuid?.() ?? 0;
  const ours = new RegExp(`^tsbuild-${uid}-[0-9a-f]{16}$`);
  for (const name of readdirSync(memory).filter((each) => ours.test(each))) {
    const stat = lstatSync(join(memory, name), { throwIfNoEntry: false });
    // A name is anybody's to take.
    if (stat?.isDirectory() !== true || stat.uid !== uid) continue;
    try {
      const lock = tryLock(name);
      if (lock === undefined) continue;
      remove(name);
      lock.release();
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
}

function remove(name: string): void {
  using folder = openRootDir(memory);
  folder.removeAll(fromText(name));
}
