import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { git, type GitRun } from './git-command.ts';
import type { ResolvedRef } from './git-refs.ts';
import { formatOf, type GitRepository } from './git-repository.ts';

export interface KeptRepository {
  /** Of the work tree: empty but for what is made here. */
  readonly folder: string;
  /** The commit, and the branch or tag that named it. */
  readonly ref: ResolvedRef;
  /** Without credentials. */
  readonly origin: string;
}

/**
 * Makes `.git` beside the files: a repository with the one commit, its history cut off, and the branch or tag that was
 * asked for. It copies objects and asks the remote for nothing; git's own local clone would take the bare repository's
 * settings, and the file protocol is allowed to none.
 */
export async function writeGitFolder(repository: GitRepository, kept: KeptRepository): Promise<void> {
  const { commit, name, tag } = kept.ref;
  const gitDir = join(kept.folder, '.git');
  const inside: GitRun = { ...repository.local(), gitDir };
  const init = ['init', '--quiet', '--template=', `--object-format=${formatOf(commit)}`];
  await git([...init, '--', kept.folder], { signal: inside.signal });
  const tips = tag === undefined ? [commit] : [commit, tag];
  const objects = await git(['rev-list', '--objects', '--no-walk', ...tips], repository.local());
  await git(
    ['pack-objects', '--quiet', '--threads=1', join(gitDir, 'objects/pack/pack')],
    repository.local({ input: objects }),
  );
  writeFileSync(join(gitDir, 'shallow'), `${commit}\n`);
  await git(['update-ref', '--no-deref', 'HEAD', commit], inside);
  if (name !== undefined && /^refs\/(?:heads|tags)\//.test(name)) {
    await git(['update-ref', name, tag ?? commit], inside);
  }
  await git(['config', 'remote.origin.url', kept.origin], inside);
  await git(['config', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*'], inside);
  await git(['read-tree', '--reset', '-u', commit], { ...inside, workTree: kept.folder });
}
