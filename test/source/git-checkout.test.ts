import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { firstCommitTime, testRepository, type TestRepository } from '../support/git-repository.ts';
import { startGitServer, type GitServer } from '../support/git-server.ts';
import { checkOut, errorOf, gitWorld } from '../support/git-world.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { treeOfFolder } from '../support/tree.ts';

requires('tool:git');

const { path: served } = tempFolder('served');
let server: GitServer;
let app: TestRepository;
let library: TestRepository;
let first: string;

beforeAll(async () => {
  server = await startGitServer(served);
  library = await testRepository(served, 'library');
  await library.commit({ code: 'old\n' });
  await library.commit({ code: 'new\n' });
  app = await testRepository(served, 'app');
  first = await app.commit({
    README: 'readme\n',
    'run.sh': { program: '#!/bin/sh\n' },
    link: { link: 'README' },
    'sub/deep/file': 'deep\n',
    'sub/ä': 'not ASCII\n',
    'loop/up': { link: '..' },
    'out/root': { link: '/' },
  });
  // The commit of the library is none that a ref names, its URL is relative.
  await app.git('submodule', '--quiet', 'add', `${server.url}/library.git`, 'vendor/library');
  await app.git('-C', 'vendor/library', 'checkout', '--quiet', 'HEAD~1');
  await app.git('config', '-f', '.gitmodules', 'submodule.vendor/library.url', '../library.git');
  await app.commit({});
  await app.git('tag', '-a', 'v1', '-m', 'one');
  const outer = await testRepository(served, 'outer');
  await outer.git('submodule', '--quiet', 'add', `${server.url}/app.git`, 'app');
  await outer.commit({ top: 'top\n' });
});

afterAll(() => server[Symbol.asyncDispose]());

const url = (rest = ''): string => `${server.url}/app.git${rest}`;
const text = (folder: string, path: string): string => readFileSync(join(folder, path), 'utf8');

describe('the files of a commit', () => {
  it('L-170 have the modes that git knows, whatever the umask, and belong to root', async () => {
    requires('root');
    const umask = process.umask(0o077);
    try {
      const tree = await treeOfFolder(await checkOut(gitWorld().fetcher, url(`#${first}`)));
      expect(tree.map(({ path, mode, owner }) => `${path} ${mode} ${owner}`)).toEqual([
        'README 644 0:0',
        'link 777 0:0',
        'loop 755 0:0',
        'loop/up 777 0:0',
        'out 755 0:0',
        'out/root 777 0:0',
        'run.sh 755 0:0',
        'sub 755 0:0',
        'sub/deep 755 0:0',
        'sub/deep/file 644 0:0',
        'sub/\xc3\xa4 644 0:0',
      ]);
    } finally {
      process.umask(umask);
    }
  });

  it('L-177 O-58 have the time of the commit when that is asked for', async () => {
    const folder = await checkOut(gitWorld().fetcher, url(`?commit=${first}&mtime=commit`));
    const times = (await treeOfFolder(folder, { times: true })).map(({ mtime }) => mtime);
    expect(new Set(times)).toEqual(new Set([firstCommitTime]));
  });

  it('L-177 of a subdir stand alone', async () => {
    const { fetcher } = gitWorld();
    expect(readdirSync(await checkOut(fetcher, url('#main:sub'))).sort()).toEqual(['deep', 'ä']);
    expect(readdirSync(await checkOut(fetcher, url('#main:/sub/deep/')))).toEqual(['file']);
    expect(readdirSync(await checkOut(fetcher, url('?subdir=vendor/library')))).toEqual(['code']);
  });

  it('S-38 a subdir that is a symlink stays in the repository', async () => {
    const { fetcher } = gitWorld();
    const all = readdirSync(await checkOut(fetcher, url()));
    expect(readdirSync(await checkOut(fetcher, url('#main:loop/up')))).toEqual(all);
    expect(readdirSync(await checkOut(fetcher, url('#main:out/root')))).toEqual(all);
    expect(readdirSync(await checkOut(fetcher, url('#main:out/root/sub'))).sort()).toEqual(['deep', 'ä']);
  });

  it.each(['missing', 'README', 'sub/deep/file', 'out/root/etc'])('L-177 %s is no subdir', async (subdir) => {
    const error = await errorOf(checkOut(gitWorld().fetcher, url(`#main:${subdir}`)));
    expect(error).toMatchObject({ code: 'SOURCE_NOT_FOUND' });
    expect(error.message).toContain(`has no folder ${subdir}`);
  });
});

describe('submodules', () => {
  it('L-177 are fetched, at their commits, recursively', async () => {
    const folder = await checkOut(gitWorld().fetcher, `${server.url}/outer.git`);
    expect(text(folder, 'top')).toBe('top\n');
    expect(text(folder, 'app/README')).toBe('readme\n');
    expect(text(folder, 'app/vendor/library/code')).toBe('old\n');
    expect((await runOk(['find', folder, '-name', '.git'])).trim()).toBe('');
  });

  it('L-177 are left out by ?submodules=false', async () => {
    const folder = await checkOut(gitWorld().fetcher, `${server.url}/outer.git?submodules=false`);
    expect(readdirSync(join(folder, 'app'))).toEqual([]);
  });

  it('come from a server of the older protocol as well', async () => {
    await using old = await startGitServer(served, { old: true });
    const folder = await checkOut(gitWorld().fetcher, `${old.url}/app.git`);
    expect(text(folder, 'vendor/library/code')).toBe('old\n');
  });

  it('without a URL are refused, those that say so are not updated', async () => {
    const odd = await testRepository(served, 'odd');
    await odd.commit({ a: 'a' });
    await odd.git('update-index', '--add', '--cacheinfo', `160000,${first},module`);
    await odd.git('commit', '--quiet', '-m', 'link');
    const error = await errorOf(checkOut(gitWorld().fetcher, `${server.url}/odd.git`));
    expect(error).toMatchObject({ code: 'SOURCE_INVALID' });
    expect(error.message).toContain('has no URL for its submodule module');
    await odd.git('config', '-f', '.gitmodules', 'submodule.m.path', 'module');
    await odd.git('config', '-f', '.gitmodules', 'submodule.m.update', 'none');
    await odd.git('add', '.gitmodules');
    await odd.git('commit', '--quiet', '-m', 'none');
    const folder = await checkOut(gitWorld().fetcher, `${server.url}/odd.git`);
    expect(readdirSync(join(folder, 'module'))).toEqual([]);
  });
});

describe('--keep-git-dir', () => {
  const inside = (folder: string, ...args: readonly string[]): Promise<string> =>
    runOk(['git', '-c', 'safe.directory=*', '-C', folder, ...args]);

  it('L-157 keeps a repository of the one commit', async () => {
    const withUser = url('?ref=v1&keep-git-dir=true').replace('://', '://user:secret@');
    const folder = await checkOut(gitWorld().fetcher, withUser);
    expect(await inside(folder, 'rev-list', '--count', 'HEAD')).toBe('1');
    expect(await inside(folder, 'rev-parse', 'HEAD')).toBe(await app.git('rev-parse', 'v1^{commit}'));
    expect(await inside(folder, 'describe', '--tags')).toBe('v1');
    expect(await inside(folder, 'status', '--porcelain')).toBe('');
    expect(await inside(folder, 'fsck', '--strict')).toBe('');
    expect(await inside(folder, 'config', 'remote.origin.url')).toBe(url().replace('://', '://xxxxx@'));
    expect(await runOk(['grep', '-rc', 'secret', join(folder, '.git')]).catch(() => 'none')).toBe('none');
    expect(existsSync(join(folder, '.git/hooks'))).toBe(false);
    expect(text(folder, 'vendor/library/code')).toBe('old\n');
    expect(await inside(join(folder, 'vendor/library'), 'rev-list', '--count', 'HEAD')).toBe('1');
  });

  it('L-157 knows the branch', async () => {
    const folder = await checkOut(gitWorld().fetcher, url('#main').replace('#', '?keep-git-dir&ref='));
    expect(await inside(folder, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
  });

  it('L-157 keeps nothing beside a part of the files', async () => {
    const folder = await checkOut(gitWorld().fetcher, url('?subdir=sub&keep-git-dir=1'));
    expect(readdirSync(folder).sort()).toEqual(['deep', 'ä']);
  });

  it('nothing is kept unless asked for', async () => {
    const folder = await checkOut(gitWorld().fetcher, url(`#${first}`));
    expect(existsSync(join(folder, '.git'))).toBe(false);
    expect(readlinkSync(join(folder, 'link'))).toBe('README');
    expect(statSync(join(folder, 'run.sh')).mode & 0o777).toBe(0o755);
  });
});
