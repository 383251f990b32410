import { constants } from 'node:fs';

import type { ByteString } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked, checkedBytes, errno, errnoError } from './errno.ts';
import { AT_EMPTY_PATH, AT_REMOVEDIR, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } from './flags.ts';
import { fileStat } from './stat.ts';

interface Level {
  /** Name of the directory in the level above. */
  readonly name: ByteString;
  /** Inode of the level above, to be found again when going up. */
  readonly above: string;
  readonly directories: ByteString[];
}

/**
 * Removes `name` of the directory `parent` with all below it; missing is fine. Every step goes by descriptor, follows
 * no symlink and crosses no mount (EXDEV, EBUSY), so a tree that is changed meanwhile cannot lead it elsewhere.
 * Only one descriptor is open at any depth: the way up is `..`, checked to be where it came from.
 */
export function removeTree(parent: number, name: ByteString): void {
  const { unlinkat } = addon();
  const result = unlinkat(parent, name, 0);
  if (result === 0 || result === -errno.ENOENT) return;
  if (!mayBeDirectory(result)) throw errnoError(-result, 'unlink', name);
  const levels: Level[] = [];
  let fd = parent;
  const move = (to: number): void => {
    if (fd !== parent) addon().close(fd);
    fd = to;
  };
  const enter = (directory: ByteString): void => {
    const above = inodeOf(fd);
    const opened = openDirectory(fd, directory);
    if (opened === undefined) return;
    move(opened);
    levels.push({ name: directory, above, directories: removeFiles(fd) });
  };
  try {
    enter(name);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const next = level.directories.pop();
      if (next !== undefined) {
        enter(next);
        continue;
      }
      levels.pop();
      move(levels.length === 0 ? parent : openAbove(fd, level));
      const removed = unlinkat(fd, level.name, AT_REMOVEDIR);
      if (removed !== -errno.ENOENT) checked(removed, 'rmdir', level.name);
    }
  } finally {
    move(parent);
  }
}

function mayBeDirectory(result: number): boolean {
  // POSIX says EPERM for unlink of a directory, Linux EISDIR; a mount point says EBUSY before either.
  return result === -errno.EISDIR || result === -errno.EPERM || result === -errno.EBUSY;
}

/** Undefined when somebody else has removed it, or put something else in its place, which is then removed itself. */
function openDirectory(fd: number, name: ByteString): number | undefined {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
  let result = addon().openat2(fd, name, flags, 0, resolve);
  // The owner may have taken his own right to list it away, which he may also give back.
  if (result === -errno.EACCES && addon().fchmodat(fd, name, 0o700) === 0) {
    result = addon().openat2(fd, name, flags, 0, resolve);
  }
  if (result === -errno.ENOTDIR || result === -errno.ELOOP) result = addon().unlinkat(fd, name, 0);
  else if (result >= 0) return result;
  if (result < 0 && result !== -errno.ENOENT) throw errnoError(-result, 'open', name);
  return undefined;
}

function openAbove(fd: number, level: Level): number {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  const above = checked(addon().openat2(fd, '..', flags, 0, RESOLVE_NO_XDEV), 'open', level.name);
  if (inodeOf(above) === level.above) return above;
  addon().close(above);
  throw errnoError(errno.EAGAIN, 'remove (moved away meanwhile)', level.name);
}

function inodeOf(fd: number): string {
  checked(addon().fstatat(fd, '', AT_EMPTY_PATH), 'fstat');
  return fileStat(addon().statNumbers).inode;
}

/** Removes all but the directories, whose names it returns. */
function removeFiles(fd: number): ByteString[] {
  const { unlinkat, readdir } = addon();
  const names = checkedBytes(readdir(fd), 'readdir').split('/') as ByteString[];
  names.pop();
  return names.filter((name) => {
    const result = unlinkat(fd, name, 0);
    if (result === 0 || result === -errno.ENOENT) return false;
    if (!mayBeDirectory(result)) throw errnoError(-result, 'unlink', name);
    return true;
  });
}
