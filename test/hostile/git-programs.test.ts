import { describe, expect, it } from 'vitest';

import { attackByGit } from '../support/hostile-git.ts';
import { requires } from '../support/requires.ts';

describe('S-39 what a repository would like to be run', () => {
  requires('tool:git');

  it.each(['', '?keep-git-dir=true'])('filters and drivers of its attributes do not%s', async (query) => {
    const outcome = await attackByGit(async ({ repository, canary }) => {
      await repository.commit({
        '.gitattributes': '* filter=evil diff=evil merge=evil\n*.bin filter=lfs\n',
        '.gitconfig': `[filter "evil"]\n\tsmudge = touch ${canary}.ran\n\trequired = true\n`,
        '.lfsconfig': `[lfs]\n\turl = ext::touch ${canary}.ran\n`,
        'model.bin': 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
        file: 'text',
      });
    }, query);
    expect(outcome.error).toBeUndefined();
    expect(outcome.tree.map(({ path }) => path)).toContain('model.bin');
  });

  it('hooks of the served repository do not', async () => {
    const outcome = await attackByGit(async ({ repository, canary }) => {
      await repository.commit({ a: 'a' });
      await repository.git('config', 'core.fsmonitor', `touch ${canary}.ran`);
      await repository.git('config', 'core.sshCommand', `touch ${canary}.ran`);
    }, '?keep-git-dir=true');
    expect(outcome.error).toBeUndefined();
    const paths = outcome.tree.map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith('.git/hooks'))).toEqual([]);
  });

  it('the command of a submodule’s update does not', async () => {
    const outcome = await attackByGit(async ({ repository, url, canary }) => {
      const commit = await repository.commit({ a: 'a' });
      const entries = { path: 'm', url, update: `!touch ${canary}.ran`, branch: '--upload-pack=x' };
      for (const [key, value] of Object.entries(entries)) {
        await repository.git('config', '-f', '.gitmodules', `submodule.m.${key}`, value);
      }
      await repository.git('add', '.gitmodules');
      await repository.git('update-index', '--add', '--cacheinfo', `160000,${commit},m`);
      await repository.git('commit', '--quiet', '-m', 'm');
    });
    expect(outcome.error).toBeUndefined();
    expect(outcome.tree.map(({ path }) => path)).toEqual(['.gitmodules', 'a', 'm', 'm/a']);
  });
});
