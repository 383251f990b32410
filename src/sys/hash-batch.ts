import type { ByteString, Digest } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked, errno } from './errno.ts';
import { statNumbers } from './stat.ts';

/** Larger files have no digest in a batch. */
export const mostBatchBytes = 64 << 10;

/** A digest and whether there is one, as native/fs_digests.c has it. */
const resultLength = 33;

export interface ListedName {
  readonly name: ByteString;
  /** Among the entries. */
  readonly index: number;
}

/** See `FolderEntries.digests`; `listed` has the numbers of all entries. */
export async function hashSmallFiles(
  folder: number,
  listed: Float64Array,
  files: readonly ListedName[],
): Promise<ReadonlyMap<number, Digest>> {
  const numbers = new Float64Array(files.length * statNumbers);
  files.forEach(({ index }, at) => {
    const row = listed.subarray(index * statNumbers, (index + 1) * statNumbers);
    numbers.set(row, at * statNumbers);
  });
  const names = files.map(({ name }) => `${name}\0`).join('');
  const results = Buffer.alloc(files.length * resultLength);
  const begun = addon().hashSmallFiles(folder, names, numbers, results);
  if (begun === -errno.ENOSYS) return new Map();
  if (typeof begun === 'number') checked(begun, 'hash');
  await begun;
  const digests = new Map<number, Digest>();
  files.forEach(({ index }, file) => {
    const at = file * resultLength;
    const end = at + resultLength - 1;
    if (results[end] === 1) digests.set(index, `sha256:${results.toString('hex', at, end)}` as Digest);
  });
  return digests;
}
