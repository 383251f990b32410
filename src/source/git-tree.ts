import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';

import { fromText, isErrno, TsbuildError, type ByteString } from '../core/index.ts';
import type { RootDir } from '../sys/index.ts';
import { git } from './git-command.ts';
import type { GitRepository } from './git-repository.ts';

/**
 * Writes the files of a commit into a folder. git refuses paths with `.git` or `..` in them, and writes through no
 * symlink; no repository's settings or hooks have a part in it.
 */
export async function writeTree(repository: GitRepository, commit: string, folder: string): Promise<void> {
  const indexFile = repository.scratch();
  try {
    await git(
      ['read-tree', '--reset', '-u', commit],
      repository.local({ workTree: folder, indexFile }),
    ).catch((error: unknown) => {
      throw hostileTree(error);
    });
  } finally {
    rmSync(indexFile, { force: true });
  }
}

function hostileTree(error: unknown): unknown {
  if (!(error instanceof TsbuildError) || error.code !== 'IO_ERROR') return error;
  const path = /[Ii]nvalid path '?(.*?)'?$/.exec(error.message)?.[1];
  if (path === undefined) return error;
  return new TsbuildError('SOURCE_INVALID', `the repository has a file with a forbidden name: ${path}`, {
    cause: error,
  });
}

/** Seconds since the epoch at which the commit was made. */
export async function commitTime(repository: GitRepository, commit: string): Promise<number> {
  const text = (await git(['cat-file', 'commit', commit], repository.local())).toString('latin1');
  const seconds = /^committer .*> (\d{1,12}) [+-]\d+$/m.exec(text)?.[1];
  if (seconds === undefined) throw new TsbuildError('SOURCE_INVALID', `commit ${commit} has no time`);
  return Number(seconds);
}

/** A folder inside `root` for the whole tree, of which a part is to stay; its name is in no repository. */
export function temporaryName(): ByteString {
  return fromText(`.tsbuild-${randomBytes(12).toString('hex')}`);
}

/**
 * Leaves of the tree in `whole` only what is below `subdir`, at the root. The folder is looked up as if the tree were
 * `/`, so that no symlink leads out of it (S-38).
 */
export function keepSubdir(root: RootDir, whole: ByteString, subdir: string): void {
  const found = folderIn(root, whole, subdir);
  if (found === undefined) {
    throw new TsbuildError('SOURCE_NOT_FOUND', `the repository has no folder ${subdir}`);
  }
  const from = `${whole}${found === '/' ? '' : found}` as ByteString;
  for (const name of root.list(from)) root.rename(`${from}/${name}` as ByteString, name);
  root.removeAll(whole);
}

function folderIn(root: RootDir, whole: ByteString, subdir: string): ByteString | undefined {
  using tree = root.sub(whole);
  try {
    const found = tree.resolve(fromText(subdir));
    return tree.tryLstat(found)?.type === 'directory' ? found : undefined;
  } catch (error) {
    if (isErrno(error, 'ELOOP', 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

/**
 * Modes as git knows them, whatever the umask was: 0755 for folders and executable files, 0644 else (L-170). With
 * `time`, all get it.
 */
export function normalise(directory: RootDir, time: number | undefined): void {
  for (const name of directory.list('.' as ByteString)) {
    const { type, mode } = directory.lstat(name);
    if (type === 'directory') {
      using below = directory.sub(name);
      normalise(below, time);
    }
    if (type !== 'symlink')
      directory.chmod(name, type === 'directory' || (mode & 0o100) !== 0 ? 0o755 : 0o644);
    if (time !== undefined) directory.setTimes(name, { seconds: time });
  }
}
