import { constants, readSync } from 'node:fs';

import type { ByteString } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked, checkedBytes, errno, errnoError } from './errno.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, O_PATH, RESOLVE_NO_SYMLINKS } from './flags.ts';
import type { FileStat } from './rootdir.ts';
import { fileStat } from './stat.ts';

/** Steps of the calls of a root: each on a directory's descriptor and a single name in it, or on a path's text. */

export const here = '.' as ByteString;

/** The directory part, and the last component; `.` where a path ends in no name, and is a directory for certain. */
export function split(path: ByteString): { readonly parent: string; readonly name: ByteString } {
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end--;
  const slash = path.lastIndexOf('/', end - 1);
  const name = path.slice(slash + 1, end) as ByteString;
  if (end === 0) return { parent: '', name: here };
  if (name === '.' || name === '..') return { parent: path, name: here };
  return { parent: slash <= 0 ? '' : path.slice(0, slash), name };
}

export function whole(path: ByteString): string {
  return path === '' ? here : path;
}

export function isMissing(result: unknown): boolean {
  return result === -errno.ENOENT || result === -errno.ENOTDIR;
}

export function lstatAt(directory: number, name: ByteString): FileStat | number {
  const result = addon().fstatat(directory, name, AT_SYMLINK_NOFOLLOW);
  return result < 0 ? result : fileStat(addon().statNumbers);
}

/** What an open file is. Throws errno errors. */
export function statOfDescriptor(fd: number): FileStat {
  return statOf(fd, here);
}

export function statOf(fd: number, path: ByteString): FileStat {
  checked(addon().fstatat(fd, '', AT_EMPTY_PATH), 'fstat', path);
  return fileStat(addon().statNumbers);
}

export function isSymlink(directory: number, name: ByteString): boolean {
  const stat = lstatAt(directory, name);
  return typeof stat !== 'number' && stat.type === 'symlink';
}

export function requireFile(stat: FileStat, doing: string, path: ByteString): void {
  if (stat.type === 'file') return;
  throw errnoError(stat.type === 'directory' ? errno.EISDIR : errno.EINVAL, doing, path);
}

export function linkText(result: string | number, path: ByteString): ByteString | undefined {
  if (result === -errno.EINVAL || isMissing(result)) return undefined;
  return checkedBytes(result, 'readlink', path);
}

export interface Ownership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Creates the directories of `path`, absolute and without symlinks, that are missing below `root`; returns their paths. */
export function makeMissing(root: number, path: ByteString, ownership: Ownership): ByteString[] {
  const created: ByteString[] = [];
  const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  let done = '' as ByteString;
  let fd = root;
  try {
    for (const name of path.split('/') as ByteString[]) {
      if (name === '') continue;
      done = `${done}/${name}` as ByteString;
      let next = addon().openat2(fd, name, flags, 0, RESOLVE_NO_SYMLINKS);
      if (next === -errno.ENOENT) {
        if (makeOwned(fd, name, ownership)) created.push(done);
        next = addon().openat2(fd, name, flags, 0, RESOLVE_NO_SYMLINKS);
      }
      checked(next, 'mkdir', done);
      if (fd !== root) addon().close(fd);
      fd = next;
    }
  } finally {
    if (fd !== root) addon().close(fd);
  }
  return created;
}

/** False when someone else was faster. */
function makeOwned(directory: number, name: ByteString, { mode, uid, gid }: Ownership): boolean {
  const made = addon().mkdirat(directory, name, 0o700);
  if (made === -errno.EEXIST) return false;
  checked(made, 'mkdir', name);
  checked(addon().fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW), 'chown', name);
  // After the owner, whose change takes set-id bits away.
  checked(addon().fchmodat(directory, name, mode), 'chmod', name);
  return true;
}

/** The size is a hint: files of /proc say 0, and others may grow. */
export function readUpTo(
  fd: number,
  { size, limit, path }: { size: number; limit: number; path: ByteString },
): Buffer {
  if (size > limit) throw errnoError(errno.EFBIG, 'read', path);
  let buffer = Buffer.allocUnsafe(size + 1);
  let used = 0;
  for (;;) {
    const got = readSync(fd, buffer, used, buffer.length - used, null);
    if (got === 0) return buffer.subarray(0, used);
    used += got;
    if (used > limit) throw errnoError(errno.EFBIG, 'read', path);
    if (used === buffer.length) buffer = Buffer.concat([buffer], Math.min(used * 2, limit) + 1);
  }
}
