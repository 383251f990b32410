import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/**
 * The text of a file of this machine, of at most `limit` bytes. Pipes and devices are not waited for: throws a plain Error for
 * whatever is no regular file or larger, and the error of the system where it cannot be read.
 */
export function readBounded(path: string, limit: number): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('not a regular file');
    if (stat.size > limit) throw new Error(`larger than ${limit} bytes`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}
