import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tryFlock } from '../sys/index.ts';

/**
 * Who uses a shared part. Each user holds a lock on a file of its own; the kernel releases it however the user ends.
 * All functions are called under the lock of the state folder.
 */
export interface Holder {
  leave(): void;
}

export function holdIn(folder: string): Holder {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${process.pid}-${randomBytes(4).toString('hex')}`);
  const lock = tryFlock(path);
  if (lock === undefined) throw new Error(`${path} is held though its name is new`);
  return {
    leave: () => {
      rmSync(path, { force: true });
      lock.release();
    },
  };
}

/** How many hold; files of the dead are removed. */
export function countHolders(folder: string): number {
  mkdirSync(folder, { recursive: true });
  let alive = 0;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const lock = tryFlock(path);
    if (lock === undefined) {
      alive++;
      continue;
    }
    rmSync(path, { force: true });
    lock.release();
  }
  return alive;
}
