import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { tryGit } from '../../src/source/git-command.ts';
import { testRepository, type TestRepository } from '../support/git-repository.ts';
import { startGitServer, type GitServer } from '../support/git-server.ts';
import { checkOut, errorOf, gitWorld } from '../support/git-world.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

requires('tool:git');

const { path: served } = tempFolder('served');
const token = 'tok-3n-of-secrecy';
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
let app: TestRepository;

beforeAll(async () => {
  app = await testRepository(served, 'app');
  await app.commit({ README: 'read\n' });
});

const secrets =
  (known: Readonly<Record<string, string>>) =>
  (id: string): Buffer | undefined =>
    known[id] === undefined ? undefined : Buffer.from(known[id]);

const withUser = (server: GitServer, userinfo: string): string =>
  `${server.url.replace('://', `://${userinfo}@`)}/app.git`;

const used = (server: GitServer): readonly string[] => [
  ...new Set(server.requests.flatMap(({ authorization }) => authorization ?? [])),
];

async function readmeOf(folder: Promise<string>): Promise<string> {
  return readFileSync(join(await folder, 'README'), 'utf8');
}

describe('a remote that wants to know who asks', () => {
  it('L-220 gets GIT_AUTH_TOKEN as the password of x-access-token', async () => {
    await using server = await startGitServer(served, { authorization: basic('x-access-token', token) });
    const { fetcher } = gitWorld({ secret: secrets({ GIT_AUTH_TOKEN: `${token}\n` }) });
    expect(await readmeOf(checkOut(fetcher, `${server.url}/app.git`))).toBe('read\n');
  });

  it('L-220 gets GIT_AUTH_HEADER as it is', async () => {
    await using server = await startGitServer(served, { authorization: `Bearer ${token}` });
    const { fetcher } = gitWorld({ secret: secrets({ GIT_AUTH_HEADER: `Bearer ${token}` }) });
    expect(await readmeOf(checkOut(fetcher, `${server.url}/app.git`))).toBe('read\n');
  });

  it('L-220 gets the secret of its host before the general one', async () => {
    await using server = await startGitServer(served, { authorization: basic('x-access-token', token) });
    const known = {
      GIT_AUTH_HEADER: 'Bearer general',
      GIT_AUTH_TOKEN: 'general',
      [`GIT_AUTH_TOKEN.${server.host}`]: token,
      'GIT_AUTH_TOKEN.example.com': 'of another',
    };
    const { fetcher } = gitWorld({ secret: secrets(known) });
    expect(await readmeOf(checkOut(fetcher, withUser(server, 'a:b')))).toBe('read\n');
    expect(used(server)).toEqual([basic('x-access-token', token)]);
  });

  it('gets what its address says before the general secret', async () => {
    await using server = await startGitServer(served, { authorization: basic('us er', 'p@ss') });
    const { fetcher } = gitWorld({ secret: secrets({ GIT_AUTH_TOKEN: 'general' }) });
    expect(await readmeOf(checkOut(fetcher, withUser(server, 'us%20er:p%40ss')))).toBe('read\n');
    expect(used(server)).toEqual([basic('us er', 'p@ss')]);
  });

  it('S-61 is refused in words that show no credentials', async () => {
    await using server = await startGitServer(served, { authorization: 'Basic none' });
    const { fetcher } = gitWorld();
    for (const userinfo of [`user:${token}`, token, `${token}:`]) {
      const error = await errorOf(checkOut(fetcher, withUser(server, userinfo)));
      expect(error).toMatchObject({ code: 'SOURCE_DENIED' });
      expect(`${error.message} ${error.hint} ${String(error.cause)}`).not.toContain(token);
      expect(error.message).toContain(`http://xxxxx@${server.host}/app.git`);
    }
    expect((await errorOf(checkOut(fetcher, `${server.url}/app.git`))).hint).toContain(
      `GIT_AUTH_TOKEN.${server.host}`,
    );
  });

  it('a secret of two lines is no header', async () => {
    await using server = await startGitServer(served);
    const { fetcher } = gitWorld({ secret: secrets({ GIT_AUTH_HEADER: 'Bearer a\r\nX-Other: b' }) });
    expect(await errorOf(checkOut(fetcher, `${server.url}/app.git`))).toMatchObject({
      code: 'SECRET_INVALID',
    });
  });
});

describe('credentials', () => {
  it('S-61 are hidden in whatever git says of a command, as they are and as part of a URL', async () => {
    const access = { config: [], env: {}, secrets: [token], shown: 'the remote' };
    for (const word of [token, `https://user:p4ss@example.com/${token}`]) {
      const { status, stderr } = await tryGit([word], {
        signal: new AbortController().signal,
        gitDir: join(app.folder, '.git'),
        access,
      });
      expect(status).not.toBe(0);
      expect(stderr).toContain('xxxxx');
      expect(stderr).not.toMatch(/tok-3n|p4ss/);
    }
  });

  it('S-61 are in no file of the bare repository', async () => {
    await using server = await startGitServer(served, { authorization: basic('user', token) });
    const { fetcher, folder } = gitWorld();
    await checkOut(fetcher, withUser(server, `user:${token}`));
    const found = await runCommand(['grep', '-r', '-e', token, '-e', server.host, folder]);
    expect(found).toMatchObject({ status: 1, stdout: '' });
    const secret = Buffer.from(`user:${token}`).toString('base64');
    expect((await runCommand(['grep', '-r', secret, folder])).status).toBe(1);
  });

  it.each([
    ['of the address', `user:${token}`, {}],
    ['of GIT_AUTH_TOKEN', 'user', { GIT_AUTH_TOKEN: token }],
    ['of GIT_AUTH_HEADER', 'user', { GIT_AUTH_HEADER: `Bearer ${token}` }],
  ])('S-61 %s do not follow to another host', async (_, userinfo, known) => {
    await using other = await startGitServer(served);
    await using server = await startGitServer(served, { redirect: other.url });
    const { fetcher } = gitWorld({ secret: secrets(known) });
    const outcome = await checkOut(fetcher, withUser(server, userinfo)).catch((error: unknown) => error);
    expect(used(other)).toEqual([]);
    // The header alone is not asked for by a name: where it goes, nothing may redirect.
    if ('GIT_AUTH_HEADER' in known) expect(outcome).toMatchObject({ code: 'SOURCE_UNREACHABLE' });
    else expect(other.requests.length).toBeGreaterThan(1);
  });

  it('S-39 go to no host that a submodule names', async () => {
    await using thief = await startGitServer(served, { authorization: 'Basic none' });
    await using server = await startGitServer(served);
    const bait = await testRepository(served, 'bait');
    await bait.commit({
      a: 'a',
      '.gitmodules': `[submodule "m"]\n\tpath = m\n\turl = ${thief.url}/app.git\n`,
    });
    await bait.git('update-index', '--add', '--cacheinfo', `160000,${await app.git('rev-parse', 'HEAD')},m`);
    await bait.git('commit', '--quiet', '-m', 'm');
    const known = { GIT_AUTH_TOKEN: token, [`GIT_AUTH_TOKEN.${thief.host}`]: token };
    const { fetcher } = gitWorld({ secret: secrets(known) });
    const error = await errorOf(checkOut(fetcher, `${server.url}/bait.git`));
    expect(error).toMatchObject({ code: 'SOURCE_DENIED' });
    expect(thief.requests.length).toBeGreaterThan(0);
    expect(used(thief)).toEqual([]);
  });

  it('go to a submodule beside its parent', async () => {
    await using server = await startGitServer(served, { authorization: basic('user', token) });
    const parent = await testRepository(served, 'parent');
    await parent.commit({ '.gitmodules': '[submodule "m"]\n\tpath = m\n\turl = ../app.git\n' });
    await parent.git(
      'update-index',
      '--add',
      '--cacheinfo',
      `160000,${await app.git('rev-parse', 'HEAD')},m`,
    );
    await parent.git('commit', '--quiet', '-m', 'm');
    const { fetcher } = gitWorld();
    const folder = await checkOut(fetcher, withUser(server, `user:${token}`).replace('/app', '/parent'));
    expect(readFileSync(join(folder, 'm/README'), 'utf8')).toBe('read\n');
  });
});

describe('what git runs with', () => {
  let server: GitServer;
  beforeAll(async () => {
    server = await startGitServer(served, { authorization: basic('user', token) });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('S-61 S-39 has no credentials among its arguments, and none of the user’s settings', async () => {
    const { path: bin } = tempFolder('bin');
    const log = join(bin, 'log');
    // Takes the place of git and of every program that git finds in the PATH.
    const spy = `#!/bin/sh\nprintf '%s\\n' "$@" >>${log}\nenv | grep -e HOME= -e NOSYSTEM -e ALLOW_PROTOCOL >>${log}\nexec /usr/bin/git "$@"\n`;
    writeFileSync(join(bin, 'git'), spy, { mode: 0o755 });
    const before = process.env['PATH'];
    process.env['PATH'] = `${bin}:${before ?? ''}`;
    try {
      const { fetcher } = gitWorld();
      await checkOut(fetcher, withUser(server, `user:${token}`));
    } finally {
      process.env['PATH'] = before;
    }
    const text = readFileSync(log, 'utf8');
    expect(text).toContain('ls-remote');
    expect(text).not.toContain(token);
    expect(text).toContain('HOME=/dev/null');
    expect(text).toContain('GIT_CONFIG_NOSYSTEM=1');
    expect(text).toContain('GIT_ALLOW_PROTOCOL=http:https:ssh:git');
  });
});
