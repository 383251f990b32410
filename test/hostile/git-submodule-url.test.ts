import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';

import { testRepository } from '../support/git-repository.ts';
import { attackByGit, expectRefused, type GitAttack } from '../support/hostile-git.ts';
import { requires } from '../support/requires.ts';

/** CVE-2022-39253, CVE-2018-17456, CVE-2015-7545: a submodule whose URL is a path of this machine, an option, a command. */
describe('S-39 the URL of a submodule', () => {
  requires('tool:git');

  const submodule = async ({ repository }: GitAttack, url: string, id = '1'.repeat(40)): Promise<void> => {
    await repository.git('config', '-f', '.gitmodules', 'submodule.m.path', 'm');
    await repository.git('config', '-f', '.gitmodules', 'submodule.m.url', url);
    await repository.git('add', '.gitmodules');
    await repository.git('update-index', '--add', '--cacheinfo', `160000,${id},m`);
    await repository.git('commit', '--quiet', '-m', 'm');
  };

  it.each([
    ['a path', (secret: string) => secret],
    ['a file URL', (secret: string) => `file://${secret}`],
    ['a file URL in capitals', (secret: string) => `FILE://${secret}`],
    ['a relative path that leaves the host', (secret: string) => `../../../../../../..${secret}`],
  ])('%s of this machine', async (_, url) => {
    const outcome = await attackByGit(async (attack) => {
      const hidden = join(attack.folder, '..', 'hidden');
      mkdirSync(hidden);
      const secret = await testRepository(hidden, 'secret');
      const commit = await secret.commit({ key: 'secret' });
      await submodule(attack, url(secret.folder), commit);
    });
    expectRefused(outcome, 'the submodule m has a URL that');
  });

  it.each([
    ['ext::sh -c touch% %CANARY.ran'],
    ['fd::17/foo'],
    ['--upload-pack=touch CANARY.ran'],
    ['-u./payload'],
    ['ftp://127.0.0.1:1/x.git'],
    ['host::x'],
  ])('%s', async (url) => {
    const outcome = await attackByGit((attack) => submodule(attack, url.replace('CANARY', attack.canary)));
    expectRefused(outcome, 'has a URL that is not fetched');
  });

  it.each([
    ['ssh://-oProxyCommand=touch${IFS}CANARY.ran/x'],
    ['-oProxyCommand=touch${IFS}CANARY.ran:x'],
    ['git@-oProxyCommand=x:y'],
    ['ssh://host/-x'],
    ['https://host/a b'],
  ])('%s', async (url) => {
    const outcome = await attackByGit((attack) => submodule(attack, url.replace('CANARY', attack.canary)));
    expectRefused(outcome, '');
  });
});
