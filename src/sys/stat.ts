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
  const mode = small(numbers[at]);
  const type = types[mode & constants.S_IFMT];
  if (type === undefined) throw new Error(`unknown file type ${mode.toString(8)}`);
  return {
    type,
    mode: mode & 0o7777,
    uid: small(numbers[at + 1]),
    gid: small(numbers[at + 2]),
    size: small(numbers[at + 3]),
    mtime: small(numbers[at + 4]),
    mtimeNanos: small(numbers[at + 5]),
    ctime: small(numbers[at + 12]),
    ctimeNanos: small(numbers[at + 13]),
    major: small(numbers[at + 6]),
    minor: small(numbers[at + 7]),
    inode: inodeName(numbers, at + 8),
    links: small(numbers[at + 11]),
  };
}

/**
 * An integer of 32 bits as V8 keeps it in place. Read from an array of doubles each number would be an object of its own:
 * 200 bytes for every file of a tree.
 */
function small(number = 0): number {
  const integer = number | 0;
  return integer === number ? integer : number;
}

function inodeName(numbers: Float64Array, at: number): string {
  const device = numbers[at] ?? 0;
  const high = numbers[at + 1] ?? 0;
  const low = numbers[at + 2] ?? 0;
  // A number holds 53 of the 64 bits an inode number may have.
  if (high < 2 ** 21) return `${device}:${high * 2 ** 32 + low}`;
  return `${device}:${(BigInt(high) << 32n) + BigInt(low)}`;
}
