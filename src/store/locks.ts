import { join } from 'node:path';

import { fromErrno } from '../core/index.ts';
import { takeLock, tryTakeLock, type LinkedLock, type WaitOptions } from '../sys/index.ts';
import type { Lock, Store } from './types.ts';

/** The named locks of a store: one file each under `locks/`. */
export function openLocks(folder: string): Pick<Store, 'lock' | 'tryLock'> {
  return {
    async lock(name: string, options: WaitOptions = {}) {
      try {
        return asLock(name, await takeLock(pathOf(folder, name), options));
      } catch (error) {
        throw fromErrno(error, `locking ${name}`);
      }
    },
    async tryLock(name: string) {
      try {
        const taken = tryTakeLock(pathOf(folder, name));
        return taken && asLock(name, taken);
      } catch (error) {
        throw fromErrno(error, `locking ${name}`);
      }
    },
  };
}

function pathOf(folder: string, name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/.test(name)) {
    throw new Error(`not the name of a lock: ${JSON.stringify(name)}`);
  }
  return join(folder, name);
}

function asLock(name: string, taken: LinkedLock): Lock {
  return { name, [Symbol.asyncDispose]: async () => taken.release() };
}
