import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { fromErrno } from '../core/index.ts';
import { tryTakeLock } from './linked-lock.ts';
import { randomHex } from './random.ts';

const lockSuffix = '.lock';

/**
 * A folder of this process alone in `parent`, by default where programs have their temporary files, for what no store has
 * a place for. Whoever is killed leaves it behind, but not the lock on the file beside it: the next that makes one there
 * removes both.
 */
export function makeScratchFolder(parent: string = tmpdir()): { readonly path: string } & Disposable {
  try {
    return makeLocked(parent);
  } catch (error) {
    throw fromErrno(error, `creating a temporary folder in ${parent}`);
  }
}

function makeLocked(parent: string): { readonly path: string } & Disposable {
  for (;;) {
    const path = join(parent, `tsbuild-${randomHex(8)}`);
    const lock = tryTakeLock(`${path}${lockSuffix}`);
    if (lock === undefined) continue;
    const remove = (): void => {
      try {
        rmSync(path, { recursive: true, force: true });
      } catch {
        // Found by the lock's file, it is left to the next sweep: what is done must not fail for it.
        lock.leave();
      }
      lock.release();
    };
    try {
      mkdirSync(path, { mode: 0o700 });
      sweepDead(parent);
    } catch (error) {
      remove();
      throw error;
    }
    return { path, [Symbol.dispose]: remove };
  }
}

/** What resists is left to the next one. */
function sweepDead(parent: string): void {
  for (const name of readdirSync(parent)) {
    const path = join(parent, name);
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
