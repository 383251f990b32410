import { fromText, isErrno, toText, TsbuildError, type ByteString } from '../../core/index.ts';
import type { RootDir } from '../../sys/index.ts';
import type { Selection } from './selection.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Where the matches of an instruction go, in the merged root: absolute, symlinks of the destination resolved (L-168). */
export interface Destination {
  readonly path: ByteString;
  /** Matched files keep their name below `path`; otherwise `path` is the file. */
  readonly folder: boolean;
}

/**
 * `/dest/` is a folder, and so is one that exists; a folder as source makes its destination one; else the destination
 * is the file's new name (L-163, L-164).
 */
export function resolveDestination(root: RootDir, written: string, selection: Selection): Destination {
  const path = root.resolve(fromText(written.replace(/\/+$/, '') || '/'));
  const existing = statOf(root, path);
  if (written.endsWith('/') && existing !== undefined && existing !== 'directory') throw notAFolder(path);
  if (written.endsWith('/') || existing === 'directory') return { path, folder: true };
  const files = selection.matches.filter(({ match }) => match.stat.type !== 'directory');
  const folders = selection.matches.length - files.length;
  if (files.length > 1 || (files.length > 0 && folders > 0)) {
    throw new TsbuildError(
      'COPY_FAILED',
      `${selection.matches.length} sources cannot all become ${toText(path)}`,
      {
        hint: `end the destination with a slash to make it a folder: ${written}/`,
      },
    );
  }
  if (folders > 0 && existing !== undefined) {
    throw notAFolder(path);
  }
  return { path, folder: folders > 0 };
}

function notAFolder(path: ByteString): TsbuildError {
  return new TsbuildError('COPY_FAILED', `cannot copy to non-directory: ${toText(path)}`, {
    hint: 'the destination exists and is not a folder',
  });
}

function statOf(root: RootDir, path: ByteString): string | undefined {
  return root.tryLstat(path)?.type;
}

/** Missing folders on the way are made 0755, or as --chmod says, with the owner of the copy (L-169). */
export function makeFolders(
  root: RootDir,
  path: ByteString,
  attributes: Owner & { readonly mode: number },
): void {
  if (path === '/' || path === '') return;
  try {
    root.mkdirAll(path, attributes);
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR', 'EEXIST', 'ENOENT', 'ELOOP')) throw error;
    throw new TsbuildError('COPY_FAILED', `cannot make the folder ${toText(path)}: a file is in the way`, {
      cause: error,
    });
  }
}

export function parentOf(path: ByteString): ByteString {
  return (path.slice(0, Math.max(path.lastIndexOf('/'), 0)) || '/') as ByteString;
}

export function childOf(folder: ByteString, name: ByteString): ByteString {
  return (folder === '/' ? `/${name}` : `${folder}/${name}`) as ByteString;
}
