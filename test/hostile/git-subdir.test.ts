import { describe, expect, it } from 'vitest';

import { attackByGit } from '../support/hostile-git.ts';
import { requires } from '../support/requires.ts';

/** CVE-2026-33748: a subdir that is a symlink out of the repository. */
describe('S-38 the subdir of a git source', () => {
  requires('tool:git');

  it.each([
    ['an absolute path', (outside: string) => outside],
    ['a relative one', (outside: string) => `../../../../../..${outside}`],
    ['the file system of the machine', () => '/'],
    ['a process', () => '/proc/self/cwd'],
  ])('that is a symlink to %s', async (_, target) => {
    const outcome = await attackByGit(async ({ repository, outside }) => {
      await repository.commit({ link: { link: target(outside) }, inside: 'inside' });
    }, '?subdir=link');
    const paths = outcome.tree.map(({ path }) => path);
    // The repository is the whole world: at most its own root.
    if (outcome.error === undefined) expect(paths).toEqual(['inside', 'link']);
    else expect(outcome.error).toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });

  it('S-38 that goes through a circle of symlinks', async () => {
    const outcome = await attackByGit(async ({ repository }) => {
      await repository.commit({ a: { link: 'b' }, b: { link: 'a' } });
    }, '?subdir=a/b');
    expect(outcome.error).toMatchObject({ code: expect.stringMatching(/^SOURCE_/) as unknown });
  });
});
