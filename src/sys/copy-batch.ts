import type { ByteString, Digest } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked, errnoError } from './errno.ts';
import type { FileTime, RootDir } from './rootdir.ts';

/** A regular file to copy, with what its copy is to have. */
export interface SmallCopy {
  /** Below its root, where symlinks of the directory part resolve. */
  readonly source: ByteString;
  /** Relative to its root, in a folder that is there and that no symlink leads to. */
  readonly target: ByteString;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly mtime: FileTime;
}

/** What stopped a batch; nothing after that file was copied. */
export interface SmallCopyFailure {
  readonly at: number;
  /** ESTALE of a source: it has not the size that was said. */
  readonly of: 'source' | 'target';
  readonly error: NodeJS.ErrnoException;
}

export interface SmallCopies {
  readonly failure: SmallCopyFailure | undefined;
  /** Of a file's bytes, in the order given; undefined where this Node cannot hash on another thread. */
  readonly digestOf: (index: number) => Digest | undefined;
}

/** Numbers a file, in the order of native/fs_copy.c. */
const rowLength = 6;
const digestLength = 32;
/** What is added to -errno for failures of the target. */
const ofTarget = -100_000;

/**
 * Copies files that do not exist in `to` yet into folders that do, on another thread; their contents come to lie in
 * `bytes` one after the other, which must have room for them and a byte more. Nothing may be closed until it settles.
 */
export async function copySmallFiles(
  { from, to }: { readonly from: RootDir; readonly to: RootDir },
  files: readonly SmallCopy[],
  bytes: Uint8Array,
): Promise<SmallCopies> {
  const numbers = new Float64Array(files.length * rowLength);
  let paths = '';
  files.forEach(({ source, target, size, uid, gid, mode, mtime }, index) => {
    paths += `${source}\0${target}\0`;
    const row = index * rowLength;
    numbers[row] = size;
    numbers[row + 1] = uid;
    numbers[row + 2] = gid;
    numbers[row + 3] = mode;
    numbers[row + 4] = mtime.seconds;
    numbers[row + 5] = mtime.nanos ?? 0;
  });
  const digests = Buffer.allocUnsafeSlow(files.length * digestLength);
  const begun = addon().copySmallFiles(from.fd, to.fd, paths, numbers, bytes, digests);
  if (typeof begun === 'number') checked(begun, 'copy');
  const isHashed = (await begun) === 1;
  return {
    failure: failureOf(files, numbers),
    digestOf(index) {
      if (!isHashed) return undefined;
      const at = index * digestLength;
      return `sha256:${digests.toString('hex', at, at + digestLength)}` as Digest;
    },
  };
}

function failureOf(files: readonly SmallCopy[], numbers: Float64Array): SmallCopyFailure | undefined {
  for (const [at, { source, target }] of files.entries()) {
    const result = numbers[at * rowLength] ?? 0;
    if (result >= 0) continue;
    const isTarget = result <= ofTarget;
    const number = -(isTarget ? result - ofTarget : result);
    const path = isTarget ? target : source;
    return { at, of: isTarget ? 'target' : 'source', error: errnoError(number, 'copy', path) };
  }
  return undefined;
}
