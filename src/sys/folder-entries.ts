import type { ByteString, Digest } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked, checkedBytes, errnoError } from './errno.ts';
import { hashSmallFiles, type ListedName } from './hash-batch.ts';
import type { FileStat, RootDir } from './rootdir.ts';
import { fileStat, statNumbers } from './stat.ts';

/** What is in a folder, in bytewise order of the names, with what lstat(2) says of each. */
export interface FolderEntries {
  /** The same bytes stand for the same names and stats. */
  readonly bytes: Uint8Array;
  names(): ByteString[];
  stat(index: number): FileStat;
  /**
   * Digests of files, by their index, made on another thread: of those that are small, without xattrs, and still what
   * was listed. The folder is the one that was read, and stays open until it settles.
   */
  digests(folder: RootDir, files: readonly ListedName[]): Promise<ReadonlyMap<number, Digest>>;
}

/** The names in the folder of a descriptor, in bytewise order. Throws errno errors. */
export function readNames(fd: number, path: ByteString): ByteString[] {
  const names = checkedBytes(addon().readdir(fd), 'list', path).split('/') as ByteString[];
  names.pop();
  return names.sort();
}

/** The same with what they are. */
export function readEntries(fd: number, path: ByteString): FolderEntries {
  const bytes = addon().readEntries(fd);
  if (typeof bytes === 'number') throw errnoError(-bytes, 'list', path);
  const [count = 0] = new Float64Array(bytes.buffer, 0, 1);
  const numbers = new Float64Array(bytes.buffer, Float64Array.BYTES_PER_ELEMENT, count * statNumbers);
  return {
    bytes,
    names() {
      const text = Buffer.from(bytes.buffer).toString('latin1', numbers.byteOffset + numbers.byteLength);
      return text.split('/', count) as ByteString[];
    },
    stat: (index) => fileStat(numbers, index * statNumbers),
    digests: (folder, files) => hashSmallFiles(folder.fd, numbers, files),
  };
}

/**
 * Milliseconds since the epoch by the clock that this kernel takes the times of files from: a file that changes after
 * the call has no earlier time. It stands still for up to 10 ms.
 */
export function fileClock(): number {
  return checked(addon().fileClock(), 'clock_gettime');
}
