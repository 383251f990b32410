import { readFileSync, statSync } from 'node:fs';

import { fromErrno, isErrno, type TsbuildError } from '../core/index.ts';

const maxBytes = 2 ** 20;

/** The text of a file of configuration, at most 1 MiB; undefined where there is none. `refuse` makes the error from the reason. */
export function readSmallFile(path: string, refuse: (why: string) => TsbuildError): string | undefined {
  try {
    const found = statSync(path);
    if (!found.isFile()) throw refuse('it is not a file');
    if (found.size > maxBytes) throw refuse(`it is larger than ${maxBytes} bytes`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fromErrno(error, `reading ${path}`);
  }
}
