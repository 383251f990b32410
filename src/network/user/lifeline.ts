import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { fromText, isErrno } from '../../core/index.ts';
import { openRootDir } from '../../sys/index.ts';

const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/**
 * A named pipe that nothing is ever written to. Whoever uses a program holds the writing end and the program the reading
 * one: it meets the end of the file when the last user is gone, in whatever way, and no user counts another.
 */
function pathIn(folder: string): string {
  return join(folder, 'lifeline');
}

/** Both ends; the reading one is for the program, and to be closed here. */
export function makeLifeline(folder: string): { readonly reading: number; readonly writing: number } {
  rmSync(pathIn(folder), { force: true });
  using root = openRootDir(folder);
  root.mknod(fromText('lifeline'), { type: 'fifo', mode: 0o600, major: 0, minor: 0 });
  // Neither end can be opened alone without waiting for the other.
  const both = openSync(pathIn(folder), O_RDWR);
  try {
    return { writing: openSync(pathIn(folder), O_WRONLY), reading: openSync(pathIn(folder), O_RDONLY) };
  } finally {
    closeSync(both);
  }
}

/** The writing end; undefined when no program reads. */
export function takeLifeline(folder: string): number | undefined {
  try {
    return openSync(pathIn(folder), O_WRONLY | O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENXIO', 'ENOENT')) return undefined;
    throw error;
  }
}
