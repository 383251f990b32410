import { closeSync, constants, openSync } from 'node:fs';

import { addon } from './addon.ts';
import { checked, errno } from './errno.ts';

const most = 1 << 30;

/**
 * Copies a whole file's content to an empty one: shared blocks where the file system can (FICLONE), else inside the
 * kernel. Returns false when neither can be done between these two files; nothing was written then.
 */
export function copyContent(from: number, to: number): boolean {
  if (reflink(from, to)) return true;
  for (let copied = 0; ;) {
    const got = addon().copyFileRange(from, to, most);
    if (copied === 0 && cannot(got)) return false;
    if (checked(got, 'copy_file_range') === 0) return true;
    copied += got;
  }
}

/** Makes `to` share all blocks of `from`; false when the file system cannot. */
export function reflink(from: number, to: number): boolean {
  const result = addon().ficlone(to, from);
  if (cannot(result)) return false;
  checked(result, 'ficlone');
  return true;
}

function cannot(result: number): boolean {
  return [errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.ENOTTY, errno.EPERM].includes(
    -result,
  );
}

/** Writes all of the path's file system to disk and waits for it. Throws errno errors, EIO of lost writes among them. */
export function syncFileSystem(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    checked(addon().syncfs(fd), 'syncfs');
  } finally {
    closeSync(fd);
  }
}
