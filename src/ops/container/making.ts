import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno } from '../../core/index.ts';
import type { Store } from '../../store/index.ts';
import { isUnlocked, tryFlock } from '../../sys/index.ts';
import { containerFolder, readState, volumesNote } from './records.ts';

/**
 * Held by a command that makes a container in order to start it, from before there is one until it has started: whoever
 * runs it takes its lock later, and maybe in another process. A container that was made so, has not started and that no
 * such command waits for is the rest of a killed one.
 */
export function holdStarting(store: Store, id: string): Disposable {
  const path = join(makeFolder(store, id), 'starting');
  const lock = tryFlock(path);
  if (lock === undefined) throw new Error(`${path} is held though its name is new`);
  return {
    [Symbol.dispose]: () => {
      rmSync(path, { force: true });
      lock.release();
    },
  };
}

/** The container's lock must be held. */
export function isStartAbandoned(store: Store, id: string): boolean {
  const path = join(containerFolder(store, id), 'starting');
  return readState(store, id)?.status === 'created' && existsSync(path) && isUnlocked(path);
}

/**
 * Says which volumes are about to be made for this container alone, or to be removed with it: they go when the folder is
 * found without a record. While the record stands the note says nothing.
 */
export function noteVolumes(store: Store, id: string, names: readonly string[]): void {
  makeFolder(store, id);
  writeFileSync(volumesNote(store, id), names.map((name) => `${name}\n`).join(''));
}

/** A name that was only half written is that of a volume not yet made. */
export function notedVolumes(store: Store, id: string): readonly string[] {
  try {
    const names = readFileSync(volumesNote(store, id), 'utf8').split('\n');
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function makeFolder(store: Store, id: string): string {
  const folder = containerFolder(store, id);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
