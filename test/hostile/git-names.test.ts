import { describe, expect, it } from 'vitest';

import { attackByGit, expectRefused } from '../support/hostile-git.ts';
import { requires } from '../support/requires.ts';

describe('S-39 a tree with names that git itself would not write', () => {
  requires('tool:git');

  it.each(['.git', '.GIT', 'git~1', '..', '.', '../escape', 'a/../../escape', '/escape', 'a/.git'])(
    'a file %s',
    async (name) => {
      const outcome = await attackByGit(async ({ blob, tree, commitTree }) => {
        await commitTree(await tree([{ mode: '100644', id: await blob('evil'), name }]));
      });
      expectRefused(outcome, 'forbidden name');
    },
  );

  it('a folder .git with a configuration and a hook', async () => {
    const outcome = await attackByGit(async ({ blob, tree, commitTree, canary }) => {
      const program = await blob(`#!/bin/sh\ntouch ${canary}.ran\n`);
      const config = await blob(`[core]\n\tfsmonitor = touch ${canary}.ran\n\tworktree = /\n`);
      const hooks = await tree([{ mode: '100755', id: program, name: 'post-checkout' }]);
      const git = await tree([
        { mode: '100644', id: config, name: 'config' },
        { mode: '040000', id: hooks, name: 'hooks' },
      ]);
      await commitTree(await tree([{ mode: '040000', id: git, name: '.git' }]));
    });
    expectRefused(outcome, 'forbidden name');
  });

  it('a symlink, then a file whose name leads through it', async () => {
    const outcome = await attackByGit(async ({ blob, tree, commitTree, outside }) => {
      await commitTree(
        await tree([
          { mode: '120000', id: await blob(outside), name: 'd' },
          { mode: '100644', id: await blob('evil'), name: 'd/canary' },
        ]),
      );
    });
    // The folder takes the link's place; attackByGit has seen that the canary behind the link lives.
    expect(outcome.tree.map(({ path, type }) => `${path} ${type}`)).toEqual(['d directory', 'd/canary file']);
  });

  it('a symlink and a folder of one name', async () => {
    const outcome = await attackByGit(async ({ blob, tree, commitTree, outside }) => {
      const inner = await tree([{ mode: '100644', id: await blob('evil'), name: 'canary' }]);
      await commitTree(
        await tree([
          { mode: '120000', id: await blob(outside), name: 'd' },
          { mode: '040000', id: inner, name: 'd' },
        ]),
      );
    });
    // The folder takes the link's place; attackByGit has seen that the canary behind the link lives.
    expect(outcome.tree.map(({ path, type }) => `${path} ${type}`)).toEqual(['d directory', 'd/canary file']);
  });
});
