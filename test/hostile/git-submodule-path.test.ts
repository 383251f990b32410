import { describe, expect, it } from 'vitest';

import { attackByGit, expectRefused } from '../support/hostile-git.ts';
import { requires } from '../support/requires.ts';

/** CVE-2018-11235, CVE-2024-32002: a submodule that is written through a symlink, outside, or into a git folder. */
describe('S-39 the path of a submodule', () => {
  requires('tool:git');

  const gitmodules = (url: string, path: string, name = 'm'): string =>
    `[submodule "${name}"]\n\tpath = ${path}\n\turl = ${url}\n`;

  it('with ".." in its name, and a program in the folder that the name leads to', async () => {
    const outcome = await attackByGit(async ({ repository, blob, tree, commitTree, url, canary }) => {
      const commit = await repository.commit({ hook: { program: `#!/bin/sh\ntouch ${canary}.ran\n` } });
      await commitTree(
        await tree([
          { mode: '100644', id: await blob(gitmodules(url, 'm', '../../modules/evil')), name: '.gitmodules' },
          { mode: '160000', id: commit, name: 'm' },
        ]),
      );
    });
    // The name has no part in where files go.
    expect(outcome.error).toBeUndefined();
    expect(outcome.tree.map(({ path }) => path)).toEqual(['.gitmodules', 'm', 'm/hook']);
  });

  it.each(['..', '.git', '../outside'])('%s in the tree', async (name) => {
    const outcome = await attackByGit(async ({ repository, blob, tree, commitTree, url }) => {
      const commit = await repository.commit({ a: 'a' });
      await commitTree(
        await tree([
          { mode: '100644', id: await blob(gitmodules(url, name)), name: '.gitmodules' },
          { mode: '160000', id: commit, name },
        ]),
      );
    });
    expectRefused(outcome, 'forbidden name');
  });

  it('behind a symlink of the same repository', async () => {
    const outcome = await attackByGit(async ({ repository, blob, tree, commitTree, url, outside }) => {
      const commit = await repository.commit({ canary: 'evil' });
      const inner = await tree([{ mode: '160000', id: commit, name: 'm' }]);
      await commitTree(
        await tree([
          { mode: '100644', id: await blob(gitmodules(url, 'd/m')), name: '.gitmodules' },
          { mode: '040000', id: inner, name: 'd' },
          { mode: '120000', id: await blob(outside), name: 'd' },
        ]),
      );
    });
    expectRefused(outcome, 'forbidden path: d/m');
  });

  it('that is a symlink as well', async () => {
    const outcome = await attackByGit(async ({ repository, blob, tree, commitTree, url, outside }) => {
      const commit = await repository.commit({ canary: 'evil' });
      await commitTree(
        await tree([
          { mode: '100644', id: await blob(gitmodules(url, 'm')), name: '.gitmodules' },
          { mode: '160000', id: commit, name: 'm' },
          { mode: '120000', id: await blob(outside), name: 'm' },
        ]),
      );
    });
    expectRefused(outcome, 'forbidden path: m');
  });

  it('a repository that has itself as a submodule, over and over', async () => {
    const outcome = await attackByGit(async ({ repository, blob, tree, commitTree, url }) => {
      let below = await repository.commit({ a: 'a' });
      for (let level = 0; level < 20; level++) {
        below = await commitTree(
          await tree([
            { mode: '100644', id: await blob(gitmodules(url, 'm')), name: '.gitmodules' },
            { mode: '160000', id: below, name: 'm' },
          ]),
        );
      }
    });
    expectRefused(outcome, 'too many submodules');
  });
});
