import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { testRepository, type TestRepository } from '../support/git-repository.ts';
import { startGitDaemon } from '../support/git-daemon.ts';
import { startGitServer, type GitServer } from '../support/git-server.ts';
import { checkOut, errorOf, gitWorld } from '../support/git-world.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

requires('tool:git');

const { path: served } = tempFolder('served');
let server: GitServer;
let app: TestRepository;
const commits: string[] = [];

beforeAll(async () => {
  server = await startGitServer(served);
  app = await testRepository(served, 'app');
  commits.push(await app.commit({ README: 'one\n', 'sub/deep/file': 'first\n' }));
  await app.git('tag', 'v1');
  commits.push(
    await app.commit({ README: 'two\n', 'run.sh': { program: '#!/bin/sh\n' }, link: { link: 'README' } }),
  );
  await app.git('tag', '-a', 'v2', '-m', 'second');
  await app.git('branch', 'feature/x');
  commits.push(await app.commit({ README: 'three\n' }));
});

afterAll(() => server[Symbol.asyncDispose]());

const readme = (folder: string): string => readFileSync(join(folder, 'README'), 'utf8');
const url = (rest = ''): string => `${server.url}/app.git${rest}`;

describe('a ref', () => {
  it.each([
    ['nothing', () => '', 'three\n'],
    ['a branch', () => '#main', 'three\n'],
    ['a branch with a slash', () => '#feature/x', 'two\n'],
    ['a tag', () => '#v1', 'one\n'],
    ['an annotated tag', () => '#v2', 'two\n'],
    ['a full name', () => '#refs/tags/v1', 'one\n'],
    ['HEAD', () => '#HEAD', 'three\n'],
    ['the tag of a query', () => '?tag=v1', 'one\n'],
    ['the branch of a query', () => '?branch=feature/x', 'two\n'],
    ['a commit', () => `#${commits[0]}`, 'one\n'],
    ['the beginning of a commit', () => `#${commits[0]?.slice(0, 8)}`, 'one\n'],
    ['a commit of a query', () => `?commit=${commits[1]}`, 'two\n'],
  ])('L-177 %s names a commit', async (_, ref, expected) => {
    expect(readme(await checkOut(gitWorld().fetcher, url(ref())))).toBe(expected);
  });

  it('L-177 a branch wins over a tag of its name, a query tells them apart', async () => {
    const both = await testRepository(served, 'both');
    await both.commit({ README: 'tagged' });
    await both.git('tag', 'same');
    await both.git('checkout', '--quiet', '-b', 'same');
    await both.commit({ README: 'branched' });
    const { fetcher } = gitWorld();
    expect(readme(await checkOut(fetcher, `${server.url}/both.git#same`))).toBe('branched');
    expect(readme(await checkOut(fetcher, `${server.url}/both.git?tag=same`))).toBe('tagged');
  });
});

describe('a ref that cannot be found', () => {
  it.each([
    ['a branch', '#mian', 'did you mean main?'],
    ['a tag', '?tag=v', 'did you mean v1?'],
    ['nothing near', '#completely-else', 'it has feature/x, main, v1, v2'],
    ['the beginning of no commit', '#0123abc', 'it has feature/x, main, v1, v2'],
  ])('L-177 %s', async (_, ref, hint) => {
    const error = await errorOf(checkOut(gitWorld().fetcher, url(ref)));
    expect(error).toMatchObject({ code: 'SOURCE_NOT_FOUND', hint });
    expect(error.message).toContain('has no branch, tag or commit');
  });

  it('L-177 a commit that is none of the remote', async () => {
    const error = await errorOf(checkOut(gitWorld().fetcher, url(`#${'1'.repeat(40)}`)));
    expect(error).toMatchObject({ code: 'SOURCE_NOT_FOUND' });
    expect(error.message).toContain(`has no commit ${'1'.repeat(40)}`);
  });

  it('a repository without commits', async () => {
    await testRepository(served, 'empty');
    const error = await errorOf(checkOut(gitWorld().fetcher, `${server.url}/empty.git`));
    expect(error).toMatchObject({ code: 'SOURCE_NOT_FOUND' });
    expect(error.message).toContain('has no commits');
  });

  it('a repository that is not there, and a server that is not', async () => {
    const { fetcher } = gitWorld();
    expect(await errorOf(checkOut(fetcher, `${server.url}/none.git`))).toMatchObject({
      code: 'SOURCE_NOT_FOUND',
    });
    expect(await errorOf(checkOut(fetcher, 'http://127.0.0.1:1/none.git'))).toMatchObject({
      code: 'SOURCE_UNREACHABLE',
    });
  });
});

describe('a checksum', () => {
  it('L-156 is the beginning of the commit, or of the annotated tag', async () => {
    const { fetcher } = gitWorld();
    const tag = await app.git('rev-parse', 'v2');
    expect(tag).not.toBe(commits[1]);
    for (const id of [commits[1], commits[1]?.slice(0, 7), tag]) {
      expect(readme(await checkOut(fetcher, url(`?tag=v2&checksum=${id}`)))).toBe('two\n');
    }
  });

  it('L-156 of another commit is refused', async () => {
    const error = await errorOf(checkOut(gitWorld().fetcher, url(`?tag=v1&checksum=${commits[1]}`)));
    expect(error).toMatchObject({ code: 'SOURCE_INVALID' });
    expect(error.message).toContain(`is at commit ${commits[0]}, but its checksum is ${commits[1]}`);
  });

  it('L-177 is asked for itself by fetch-by-commit', async () => {
    const folder = await checkOut(
      gitWorld().fetcher,
      url(`?ref=gone&checksum=${commits[0]}&fetch-by-commit=true`),
    );
    expect(readme(folder)).toBe('one\n');
  });
});

describe('what was fetched', () => {
  it('is not fetched again', async () => {
    const { fetcher } = gitWorld();
    await checkOut(fetcher, url(`#${commits[0]}`));
    const before = server.requests.length;
    expect(readme(await checkOut(fetcher, url(`#${commits[0]}`)))).toBe('one\n');
    expect(server.requests.length).toBe(before);
  });

  it('S-66 of one ref is one commit within a build', async () => {
    const moving = await testRepository(served, 'moving');
    await moving.commit({ README: 'old' });
    const build = gitWorld();
    expect(readme(await checkOut(build.fetcher, `${server.url}/moving.git`))).toBe('old');
    await moving.commit({ README: 'new' });
    expect(readme(await checkOut(build.fetcher, `${server.url}/moving.git`))).toBe('old');
    expect(readme(await checkOut(gitWorld().fetcher, `${server.url}/moving.git`))).toBe('new');
  });

  it('is fetched anew when it is damaged', async () => {
    const { fetcher, folder } = gitWorld();
    await checkOut(fetcher, url(`#${commits[0]}`));
    const [bare = ''] = readdirSync(join(folder, 'repositories'));
    const packs = join(folder, 'repositories', bare, 'objects/pack');
    for (const name of readdirSync(packs)) writeFileSync(join(packs, name), 'damaged');
    expect(readme(await checkOut(fetcher, url(`#${commits[0]}`)))).toBe('one\n');
  });

  it('comes from a server of the older protocol as well', async () => {
    await using old = await startGitServer(served, { old: true });
    const { fetcher } = gitWorld();
    expect(readme(await checkOut(fetcher, `${old.url}/app.git#v2`))).toBe('two\n');
    expect(readme(await checkOut(fetcher, `${old.url}/app.git#${commits[0]}`))).toBe('one\n');
  });

  it('is fetched although a killed git left its locks', async () => {
    const { fetcher, folder } = gitWorld();
    await checkOut(fetcher, url('#v1'));
    const [bare = ''] = readdirSync(join(folder, 'repositories'));
    writeFileSync(join(folder, 'repositories', bare, 'shallow.lock'), '');
    writeFileSync(join(folder, 'repositories', bare, `refs/tsbuild/${commits[1]}.lock`), '');
    expect(readme(await checkOut(fetcher, url('#v2')))).toBe('two\n');
  });

  it('S-37 by two steps at once does not mix', async () => {
    const { fetcher } = gitWorld();
    const texts = ['#v1', '#v2', '#main', `#${commits[0]}`, `#${commits[1]}`];
    const folders = await Promise.all(texts.map((text) => checkOut(fetcher, url(text))));
    expect(folders.map(readme)).toEqual(['one\n', 'two\n', 'three\n', 'one\n', 'two\n']);
  });
});

describe('other kinds of repositories', () => {
  it('L-177 one with SHA-256 ids', async () => {
    const modern = await testRepository(served, 'modern', { format: 'sha256' });
    const commit = await modern.commit({ README: 'modern' });
    expect(commit).toHaveLength(64);
    const { fetcher } = gitWorld();
    expect(readme(await checkOut(fetcher, `${server.url}/modern.git`))).toBe('modern');
    const kept = await checkOut(fetcher, `${server.url}/modern.git?keep-git-dir&ref=${commit}`);
    expect(await runOk(['git', '-c', 'safe.directory=*', '-C', kept, 'rev-parse', 'HEAD'])).toBe(commit);
  });

  it('L-177 one behind git://', async () => {
    await using daemon = await startGitDaemon(served);
    expect(readme(await checkOut(gitWorld().fetcher, `${daemon.url}/app.git#v2`))).toBe('two\n');
    const error = await errorOf(checkOut(gitWorld().fetcher, `${daemon.url}/none`));
    expect(error).toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });

  it('a machine without git is told so', async () => {
    const { PATH } = process.env;
    process.env['PATH'] = tempFolder('empty').path;
    try {
      const error = await errorOf(checkOut(gitWorld().fetcher, url()));
      expect(error).toMatchObject({
        code: 'HOST_UNSUPPORTED',
        hint: expect.stringContaining('git') as unknown,
      });
    } finally {
      process.env['PATH'] = PATH;
    }
  });
});
