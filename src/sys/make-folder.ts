import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

import { isErrno } from '../core/index.ts';

/**
 * With its parents. Not by Node's own way: it does not end where a folder exists but takes no entries, as /proc, and says
 * ENOENT of a disk that is read-only, fails, or is beyond its quota.
 */
export function makeFolder(path: string, mode = 0o755): void {
  const first = tryMake(path, mode);
  if (first === undefined) return;
  makeFolder(dirname(path), mode);
  const second = tryMake(path, mode);
  if (second !== undefined) throw second;
}

/** The error when a parent is missing. */
function tryMake(path: string, mode: number): Error | undefined {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return error;
    if (!isErrno(error, 'EEXIST') || !statSync(path).isDirectory()) throw error;
  }
  return undefined;
}
