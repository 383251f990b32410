import { constants } from 'node:fs';

import type { FileStat, FileType } from './rootdir.ts';

const types: Readonly<Record<number, FileType>> = {
  [constants.S_IFREG]: 'file',
  [constants.S_IFDIR]: 'directory',
  [constants.S_IFLNK]: 'symlink',
  [constants.S_IFCHR]: 'char',
  [constants.S_IFBLK]: 'block',
  [constants.S_IFIFO]: 'fifo',
  [constants.S_IFSOCK]: 'socket',
};

/** The addon's numbers of the last stat call: their order is that of `run_fstatat` in native/fs_files.c. */
export function fileStat(numbers: Float64Array): FileStat {
  const [mode = 0, uid = 0, gid = 0, size = 0, mtime = 0, mtimeNanos = 0, major = 0, minor = 0] = numbers;
  const type = types[mode & constants.S_IFMT];
  if (type === undefined) throw new Error(`unknown file type ${mode.toString(8)}`);
  const links = numbers[11] ?? 0;
  return {
    type,
    mode: mode & 0o7777,
    uid,
    gid,
    size,
    mtime,
    mtimeNanos,
    ctime: numbers[12] ?? 0,
    ctimeNanos: numbers[13] ?? 0,
    major,
    minor,
    inode: inodeName(numbers),
    links,
  };
}

function inodeName(numbers: Float64Array): string {
  const device = numbers[8] ?? 0;
  const high = numbers[9] ?? 0;
  const low = numbers[10] ?? 0;
  // A number holds 53 of the 64 bits an inode number may have.
  if (high < 2 ** 21) return `${device}:${high * 2 ** 32 + low}`;
  return `${device}:${(BigInt(high) << 32n) + BigInt(low)}`;
}
