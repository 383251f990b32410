import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno, TsbuildError } from '../core/index.ts';

/**
 * The folder of what lives no longer than the machine runs, made when missing: `tsbuild` in $XDG_RUNTIME_DIR, in /run/user,
 * or a folder of the user's own in /tmp. `uid` is the user's as the machine numbers it. Throws PERMISSION_DENIED for one
 * that somebody else could write to.
 */
export function runtimeFolder(uid: number): string {
  const candidates = [process.env['XDG_RUNTIME_DIR'], `/run/user/${uid}`];
  const above = candidates.find((folder) => folder?.startsWith('/') === true && isOwn(folder));
  const folder = above === undefined ? `/tmp/tsbuild-${uid}` : join(above, 'tsbuild');
  try {
    mkdirSync(folder, { mode: 0o700 });
    // Whatever the umask left of it.
    chmodSync(folder, 0o700);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  // In /tmp anybody may have been first.
  if (isOwn(folder)) return folder;
  throw new TsbuildError('PERMISSION_DENIED', `${folder} is not a folder of this user alone`, {
    hint: 'remove it, or set XDG_RUNTIME_DIR to a folder of your own',
  });
}

/** A directory, no link to one, of this user, that nobody else may write to. */
function isOwn(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === process.geteuid?.() && (stat.mode & 0o022) === 0;
}
