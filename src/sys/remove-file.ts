import { unlinkSync } from 'node:fs';

import { isErrno } from '../core/index.ts';

/**
 * True when there was one. Not by Node's rmSync, whose errors name no code for most of what a file system can answer:
 * a disk that has become read-only could not be told from a defect of this program.
 */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
