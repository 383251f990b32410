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

/** How many numbers stand for a file. */
export const statNumbers = 14;

/** What the addon's numbers from `at` on say: their order is that of `put_stat` in native/fs_files.c. */
export function fileStat(numbers: Float64Array, at = 0): FileStat {
  const mode = numbers[at] ?? 0;
  const type = types[mode & constants.S_IFMT];
  if (type === undefined) throw new Error(`unknown file type ${mode.toString(8)}`);
  return {
    type,
    mode: mode & 0o7777,
    uid: numbers[at + 1] ?? 0,
    gid: numbers[at + 2] ?? 0,
    size: numbers[at + 3] ?? 0,
    mtime: numbers[at + 4] ?? 0,
    mtimeNanos: numbers[at + 5] ?? 0,
    ctime: numbers[at + 12] ?? 0,
    ctimeNanos: numbers[at + 13] ?? 0,
    major: numbers[at + 6] ?? 0,
    minor: numbers[at + 7] ?? 0,
    inode: inodeName(numbers, at + 8),
    links: numbers[at + 11] ?? 0,
  };
}

function inodeName(numbers: Float64Array, at: number): string {
  const device = numbers[at] ?? 0;
  const high = numbers[at + 1] ?? 0;
  const low = numbers[at + 2] ?? 0;
  // A number holds 53 of the 64 bits an inode number may have.
  if (high < 2 ** 21) return `${device}:${high * 2 ** 32 + low}`;
  return `${device}:${(BigInt(high) << 32n) + BigInt(low)}`;
}
