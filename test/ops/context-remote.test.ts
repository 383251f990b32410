import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { built, treeLines } from '../support/built-tree.ts';
import { makeContext } from '../support/context.ts';
import { startGitServer } from '../support/git-server.ts';
import { serveFiles } from '../support/http-server.ts';
import { makeTar } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const copyAll = 'FROM scratch\nCOPY . /\n';

describe('a URL as context', () => {
  requires('root', 'overlay');

  const tar = makeTar([
    { path: 'Dockerfile', body: copyAll },
    { path: '.dockerignore', body: '*' },
    { path: 'other', body: 'FROM scratch\nCOPY file /only\n' },
    { path: 'file', body: 'hello' },
  ]);

  it.each([
    ['plain', tar],
    ['gzip', gzipSync(tar)],
  ])(
    'L-220 L-228 of an archive is that archive, not seen through its ignore file (%s)',
    async (_name, body) => {
      await using server = await serveFiles({ '/a.tar': body });
      const image = await built({ context: `${server.origin}/a.tar` });
      expect((await image.tree()).map(({ path }) => path)).toEqual([
        '.dockerignore',
        'Dockerfile',
        'file',
        'other',
      ]);
    },
  );

  it('L-221 has the Dockerfile that -f names in it, on this machine or at another URL', async () => {
    await using server = await serveFiles({
      '/a.tar': tar,
      '/Dockerfile': 'FROM scratch\nCOPY file /third\n',
    });
    const context = `${server.origin}/a.tar`;
    const host = makeContext({ own: 'FROM scratch\nCOPY file /second\n' });
    for (const [file, name] of [
      ['other', 'only'],
      [`${host}/own`, 'second'],
      [`${server.origin}/Dockerfile`, 'third'],
    ] as const) {
      const image = await built({ context, file });
      expect(treeLines(await image.tree())).toEqual([`${name} 644 0:0`]);
    }
  });

  it('L-220 L-179 of a text is a Dockerfile without a context', async () => {
    const text = 'FROM scratch\nCOPY <<EOF /file\nhello\nEOF\n';
    await using server = await serveFiles({
      '/Dockerfile': text,
      '/copies': copyAll,
      '/missing': 'FROM scratch\nCOPY x /\n',
    });
    const image = await built({ context: `${server.origin}/Dockerfile` });
    expect(treeLines(await image.tree())).toEqual(['file 644 0:0']);
    expect(await (await built({ context: `${server.origin}/copies` })).tree()).toEqual([]);
    await expect(built({ context: `${server.origin}/missing` })).rejects.toMatchObject({
      code: 'COPY_SOURCE_NOT_FOUND',
      hint: expect.stringContaining('there is no build context') as string,
    });
    await expect(built({ context: `${server.origin}/Dockerfile`, file: 'x' })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });

  it('L-220 that holds the same files again makes no step run', async () => {
    const root = tempFolder('root').path;
    await using server = await serveFiles({ '/a.tar': tar });
    const context = `${server.origin}/a.tar`;
    await built({ root, context });
    const again = await built({ root, context });
    expect(again.ran).toEqual([`load ${context}`]);
  });

  it.each([
    ['/none.tar', 'SOURCE_NOT_FOUND'],
    ['/cut.tar', 'ARCHIVE_INVALID'],
    ['/large', 'DOCKERFILE_INVALID'],
    ['/no-dockerfile.tar', 'DOCKERFILE_NOT_FOUND'],
  ])('L-220 S-61 that is %s is %s, without its password', async (path, code) => {
    await using server = await serveFiles({
      '/cut.tar': tar.subarray(0, 700),
      '/large': Buffer.alloc(2 ** 24 + 1, '#'),
      '/no-dockerfile.tar': makeTar([{ path: 'x', body: '' }]),
    });
    const promise = built({ context: `http://user:hunter2@${server.host}${path}` });
    await expect(promise).rejects.toMatchObject({
      code,
      message: expect.not.stringContaining('hunter2') as string,
    });
  });

  it('C-02 as -f must not be endless, whatever its size', async () => {
    await using server = await serveFiles({ '/large': Buffer.alloc(2 ** 24 + 1, '#') });
    const promise = built({ context: makeContext({}), file: `${server.origin}/large` });
    await expect(promise).rejects.toMatchObject({ code: 'SOURCE_INVALID' });
  });
});

describe('a git repository as context', () => {
  requires('root', 'overlay', 'tool:git');

  async function repository(): Promise<string> {
    const { path } = tempFolder('served');
    const work = makeContext({
      Dockerfile: copyAll,
      '.dockerignore': '*',
      'sub/Dockerfile': copyAll,
      'sub/own': 'FROM scratch\nCOPY file /own\n',
      'sub/file': 'hello',
    });
    const git = [
      'git',
      '-C',
      work,
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@t',
      '-c',
      'init.defaultBranch=main',
    ];
    await runOk([...git, 'init', '-q']);
    await runOk([...git, 'add', '-A']);
    await runOk([...git, 'commit', '-qm', 'one']);
    await runOk([...git, 'tag', 'v1']);
    await runOk(['git', 'clone', '-q', '--bare', work, `${path}/app.git`]);
    return path;
  }

  it('L-220 L-228 is its files, not seen through an ignore file', async () => {
    await using server = await startGitServer(await repository());
    const image = await built({ context: `${server.url}/app.git#v1` });
    const paths = (await image.tree()).map(({ path }) => path);
    expect(paths).toEqual(['.dockerignore', 'Dockerfile', 'sub', 'sub/Dockerfile', 'sub/file', 'sub/own']);
  });

  it('L-220 L-221 may be a folder of it, with -f below that', async () => {
    await using server = await startGitServer(await repository());
    const context = `${server.url}/app.git#v1:sub`;
    expect((await (await built({ context })).tree()).map(({ path }) => path)).toEqual([
      'Dockerfile',
      'file',
      'own',
    ]);
    const image = await built({ context, file: 'own' });
    expect(treeLines(await image.tree())).toEqual(['own 644 0:0']);
  });

  it('L-090 keeps its .git folder when told by a build arg', async () => {
    await using server = await startGitServer(await repository());
    const buildArgs = new Map([['BUILDKIT_CONTEXT_KEEP_GIT_DIR', '1']]);
    const image = await built({ context: `${server.url}/app.git`, buildArgs });
    expect((await image.tree()).map(({ path }) => path)).toContain('.git/HEAD');
  });

  it.each([
    ['app.git#none', 'SOURCE_NOT_FOUND'],
    ['none.git', 'SOURCE_NOT_FOUND'],
    ['app.git#v1:none', 'SOURCE_NOT_FOUND'],
  ])('L-220 that is %s is %s', async (path, code) => {
    await using server = await startGitServer(await repository());
    await expect(built({ context: `${server.url}/${path}` })).rejects.toMatchObject({ code });
  });
});
