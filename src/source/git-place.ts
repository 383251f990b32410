import { fromText, TsbuildError, type ByteString } from '../core/index.ts';
import { openRootDir } from '../sys/index.ts';
import { writeGitFolder } from './git-keep.ts';
import type { GitRemote } from './git-remote.ts';
import type { ResolvedRef } from './git-refs.ts';
import type { GitRepository } from './git-repository.ts';
import { submodulesOf, type Submodule } from './git-submodules.ts';
import { commitTime, writeTree } from './git-tree.ts';
import type { GitCommit } from './types.ts';

/** Runs the action with the repository of a remote, whose objects have ids of the kind of `id`, held by nobody else. */
export type Locked = <T>(
  remote: GitRemote,
  id: string,
  action: (repository: GitRepository) => Promise<T>,
) => Promise<T>;

export interface Placing {
  readonly remote: GitRemote;
  readonly ref: ResolvedRef;
  /** Empty; host path. */
  readonly folder: string;
  readonly submodules: boolean;
  readonly keepGitDir: boolean;
}

/** More than any project has; a hostile one could name itself in many places, each of which names others. */
const mostSubmodules = 1000;
const deepestSubmodule = 16;

/**
 * Fetches a commit and puts its files into the folder, those of its submodules at their places. Returns the commit's
 * time in seconds since the epoch. Locks are held one after the other, never together: two repositories may well have
 * each other as submodules.
 */
export async function placeCommit(placing: Placing, locked: Locked): Promise<number> {
  const budget = { left: mostSubmodules };
  const place = async (current: Placing, depth: number): Promise<number> => {
    const { time, submodules } = await placeOne(current, locked);
    budget.left -= submodules.length;
    if (submodules.length > 0 && (budget.left < 0 || depth >= deepestSubmodule)) {
      throw new TsbuildError('SOURCE_INVALID', `${placing.remote.shown} has too many submodules`, {
        hint: `at most ${mostSubmodules} are fetched, ${deepestSubmodule} levels deep; ?submodules=false leaves them out`,
      });
    }
    for (const { remote, commit, path } of submodules) {
      const folder = submoduleFolder(current.folder, path);
      await place({ ...current, remote, ref: { commit: commit as GitCommit }, folder }, depth + 1);
    }
    return time;
  };
  return place(placing, 0);
}

function placeOne(
  { remote, ref, folder, ...options }: Placing,
  locked: Locked,
): Promise<{ readonly time: number; readonly submodules: readonly Submodule[] }> {
  return locked(remote, ref.commit, async (repository) => {
    await repository.fetchCommit(ref.commit, ref.name);
    if (options.keepGitDir) {
      const known = ref.tag !== undefined && ref.name !== undefined;
      const tagged = known && (await repository.fetchTag(ref.name, ref.tag));
      const kept = tagged || !known ? ref : { commit: ref.commit };
      await writeGitFolder(repository, { folder, ref: kept, origin: remote.shown });
    } else {
      await writeTree(repository, ref.commit, folder);
    }
    return {
      time: await commitTime(repository, ref.commit),
      submodules: options.submodules ? await submodulesOf(repository, ref.commit, remote) : [],
    };
  });
}

/** The folder that git made for it. A symlink on the way there would lead the files elsewhere. */
function submoduleFolder(folder: string, path: string): string {
  const name = Buffer.from(path, 'latin1').toString('utf8');
  const parts = path.split('/');
  using root = openRootDir(folder);
  const real = parts.every((_, index) => {
    const part = parts.slice(0, index + 1).join('/') as ByteString;
    return root.tryLstat(part)?.type === 'directory';
  });
  if (
    real &&
    fromText(name) === path &&
    !parts.some((part) => part === '' || part === '..' || part === '.')
  ) {
    return `${folder}/${name}`;
  }
  throw new TsbuildError('SOURCE_INVALID', `the repository has a submodule at a forbidden path: ${name}`);
}
