import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { fromErrno } from '../core/index.ts';
import { tryTakeLock, type LinkedLock, randomHex } from '../sys/index.ts';
import type { Staging } from './files.ts';

interface Session {
  readonly folder: string;
  readonly lock: LinkedLock;
}

const lockSuffix = '.lock';

/**
 * The temporary files of one process, in `tmp/<id>/` beside a locked `tmp/<id>.lock`. Whoever is killed leaves both
 * behind, but not the lock: the next process to write sweeps them. Made at the first write, so that reading costs nothing.
 */
export class TempSpace implements Staging, AsyncDisposable {
  readonly #tmp: string;
  #session: Session | undefined;
  #count = 0;

  constructor(tmp: string) {
    this.#tmp = tmp;
  }

  file(): string {
    const { folder } = this.#open();
    this.#count += 1;
    return join(folder, `${this.#count}`);
  }

  folder(): { readonly path: string } & AsyncDisposable {
    const path = this.file();
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      throw fromErrno(error, `creating ${path}`);
    }
    return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true, force: true }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#session === undefined) return;
    const { folder, lock } = this.#session;
    this.#session = undefined;
    endSession(folder, lock);
  }

  #open(): Session {
    try {
      return (this.#session ??= createSession(this.#tmp));
    } catch (error) {
      throw fromErrno(error, `creating a temporary folder in ${this.#tmp}`);
    }
  }
}

function createSession(tmp: string): Session {
  for (;;) {
    const folder = join(tmp, randomHex(8));
    // A sweeper may lock the file in the moment between its making and its locking; then another name will do.
    const lock = tryTakeLock(`${folder}${lockSuffix}`);
    if (lock === undefined) continue;
    try {
      mkdirSync(folder, { mode: 0o700 });
      sweepDead(tmp, folder);
      return { folder, lock };
    } catch (error) {
      endSession(folder, lock);
      throw error;
    }
  }
}

/** What resists is left to the next sweep: what is done must not fail for it, nor hide why something was not. */
function endSession(folder: string, lock: LinkedLock): void {
  try {
    // The folder first: a folder without a lock file is taken for a dead one.
    rmSync(folder, { recursive: true, force: true });
  } catch {
    lock.leave();
  }
  lock.release();
}

/** Removes what killed processes left. What resists is left to the next sweep: it must not fail this build. */
function sweepDead(tmp: string, own: string): void {
  for (const name of readdirSync(tmp)) {
    const id = name.endsWith(lockSuffix) ? name.slice(0, -lockSuffix.length) : name;
    const folder = join(tmp, id);
    if (folder === own || !/^[0-9a-f]{16}$/.test(id)) continue;
    if (name === id && existsSync(`${folder}${lockSuffix}`)) continue;
    const lock = tryTakeLock(`${folder}${lockSuffix}`);
    if (lock === undefined) continue;
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      continue;
    } finally {
      lock.release();
    }
  }
}
