import { readdirSync } from 'node:fs';

import { fromErrno, isErrno } from '../core/index.ts';

/** Names in a folder of the host, in no order; none where no folder is. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw fromErrno(error, `listing ${folder}`);
  }
}
