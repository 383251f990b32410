import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { overwriteFile, tryFlock, randomHex } from '../sys/index.ts';

/**
 * Who uses a shared part. Each user holds a lock on a file of its own; the kernel releases it however the user ends.
 * All functions are called under the lock of the state folder.
 */
export interface Holder {
  leave(): void;
}

/** `word` is what the others may read in its file, if they are to read something. */
export function holdIn(folder: string, word?: string): Holder {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${process.pid}-${randomHex(4)}`);
  const lock = tryFlock(path);
  if (lock === undefined) throw new Error(`${path} is held though its name is new`);
  if (word !== undefined) overwriteFile(lock.fd, word);
  return {
    leave: () => {
      rmSync(path, { force: true });
      lock.release();
    },
  };
}

/** How many hold; files of the dead are removed. */
export function countHolders(folder: string): number {
  return livingHolders(folder).length;
}

/** The files of those that hold, whose names begin with a pid; files of the dead are removed. */
export function livingHolders(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  const alive: string[] = [];
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const lock = tryFlock(path);
    if (lock === undefined) {
      alive.push(path);
      continue;
    }
    rmSync(path, { force: true });
    lock.release();
  }
  return alive;
}
