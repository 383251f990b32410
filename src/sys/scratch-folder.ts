import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { fromErrno } from '../core/index.ts';
import { tryTakeLock } from './linked-lock.ts';

const lockSuffix = '.lock';

/**
 * A folder of this process alone where programs have their temporary files, for what no store has a place for. Whoever
 * is killed leaves it behind, but not the lock on the file beside it: the next that makes one removes both.
 */
export function makeScratchFolder(): { readonly path: string } & Disposable {
  try {
    return makeLocked();
  } catch (error) {
    throw fromErrno(error, `creating a temporary folder in ${tmpdir()}`);
  }
}

function makeLocked(): { readonly path: string } & Disposable {
  for (;;) {
    const path = join(tmpdir(), `tsbuild-${randomBytes(8).toString('hex')}`);
    const lock = tryTakeLock(`${path}${lockSuffix}`);
    if (lock === undefined) continue;
    const remove = (): void => {
      // The lock last: by its file the folder is found.
      rmSync(path, { recursive: true, force: true });
      lock.release();
    };
    try {
      mkdirSync(path, { mode: 0o700 });
      sweepDead();
    } catch (error) {
      remove();
      throw error;
    }
    return { path, [Symbol.dispose]: remove };
  }
}

/** What resists is left to the next one. */
function sweepDead(): void {
  for (const name of readdirSync(tmpdir())) {
    const path = join(tmpdir(), name);
    // A link of somebody else's would lead the lock elsewhere.
    if (!/^tsbuild-[0-9a-f]{16}\.lock$/.test(name) || !isOwnFile(path)) continue;
    try {
      const lock = tryTakeLock(path);
      if (lock === undefined) continue;
      rmSync(path.slice(0, -lockSuffix.length), { recursive: true, force: true });
      lock.release();
    } catch {
      continue;
    }
  }
}

/** In a folder where nobody can replace it. */
function isOwnFile(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.uid === process.geteuid?.();
}
