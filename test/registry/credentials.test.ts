import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { pushImage } from '../../src/image/index.ts';
import { findCredentials, logIn, logOut, pullImage } from '../../src/registry/index.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { base64, home, nameFor, user } from '../support/auth-home.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { tsbuild } from '../support/cli.ts';
import { withStore } from '../support/with-store.ts';

const { signal } = new AbortController();

describe('which credentials are taken', () => {
  it.each([
    ['its host', { 'r.example:5000': user('a') }, 'r.example:5000', undefined, 'a'],
    ['another port', { 'r.example:5000': user('a') }, 'r.example', undefined, undefined],
    ['a longer host', { 'r.example': user('a') }, 'r.example.evil', undefined, undefined],
    ['a URL for a key', { 'https://r.example/v2/': user('a') }, 'r.example', undefined, 'a'],
    ['G-17 docker.io', { 'https://index.docker.io/v1/': user('hub') }, 'docker.io', undefined, 'hub'],
    ['G-17 its service', { 'docker.io': user('hub') }, 'registry-1.docker.io', undefined, 'hub'],
    ['G-20 the longest', { 'r.e': user('a'), 'r.e/n': user('b'), 'r.e/n/x': user('c') }, 'r.e', 'n/x', 'c'],
    ['G-20 a namespace', { 'r.e': user('a'), 'r.e/n': user('b') }, 'r.e', 'n/x', 'b'],
    ['G-20 whole components', { 'r.e': user('a'), 'r.e/n': user('b') }, 'r.e', 'nn/x', 'a'],
    ['G-12 an identity token', { 'r.e': { identitytoken: 't' } }, 'r.e', undefined, 'identity'],
    ['G-18 a registry token', { 'r.e': { registrytoken: 't' } }, 'r.e', undefined, 'bearer'],
    ['G-18 user and password', { 'r.e': { username: 'u', password: 'p' } }, 'r.e', undefined, 'u'],
    ['an empty entry', { 'r.e': {} }, 'r.e', undefined, undefined],
  ])('G-18 %s', async (...[, auths, registry, repository, expected]) => {
    expect(await nameFor({ auths }, registry, repository)).toBe(expected);
  });

  it('G-18 G-20 files in their order', async () => {
    const { path, environment } = home({
      'named.json': { auths: { 'r.e': user('named') } },
      'docker/config.json': { auths: { 'r.e': user('docker') } },
      'run/containers/auth.json': { auths: { 'r.e': user('podman') } },
      '.config/containers/auth.json': { auths: { 'r.e': user('old') } },
    });
    const all = {
      ...environment,
      REGISTRY_AUTH_FILE: join(path, 'named.json'),
      DOCKER_CONFIG: join(path, 'docker'),
      XDG_RUNTIME_DIR: join(path, 'run'),
    };
    const order: (string | undefined)[] = [];
    for (const name of ['', 'REGISTRY_AUTH_FILE', 'DOCKER_CONFIG', 'XDG_RUNTIME_DIR'] as const) {
      if (name !== '') Reflect.deleteProperty(all, name);
      const found = await findCredentials({ registry: 'r.e' }, { signal, environment: all });
      order.push(found?.kind === 'password' ? found.username : undefined);
    }
    expect(order).toEqual(['named', 'docker', 'podman', 'old']);
  });

  it.each([
    ['no JSON', '{"auths": {"r.e": {"auth": "c2VjcmV0"'],
    ['another form', { auths: { 'r.e': { auth: 7 } } }],
    ['no colon', { auths: { 'r.e': { auth: base64('secret') } } }],
  ])('CREDENTIALS_INVALID says where, and nothing of the content: %s', async (_what, config) => {
    const { environment } = home({ '.docker/config.json': config });
    const failed = findCredentials({ registry: 'r.e' }, { signal, environment });
    await expect(failed).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
    await expect(failed).rejects.toThrow(/config\.json/);
    await expect(failed).rejects.not.toThrow(/secret|c2VjcmV0/);
  });
});

/** Of Apache's htpasswd, with `secret pass`. */
const htpasswd = 'me:$2y$05$abcdefghijklmnopqrstuuFzejfplTChgPyZNQOF2kNcZhBC.ObAS\n';

describe('a registry with users', () => {
  requires('tool:docker-registry');
  const folder = tempFolder('users');
  let registry: TestRegistry;
  beforeAll(async () => {
    writeFileSync(join(folder.path, 'users'), htpasswd);
    const auth = { htpasswd: { realm: 'test', path: join(folder.path, 'users') } };
    registry = await startRegistry(join(folder.path, 'registry'), { auth });
  });
  afterAll(async () => registry[Symbol.asyncDispose]());
  const me = { username: 'me', password: 'secret pass' };

  it('end-1 login checks, keeps what else is in the file, and logout forgets', async () => {
    const { path, environment } = home({
      'real.json': { auths: { 'other.e': user('o') }, HttpHeaders: { 'X-A': 'b' } },
    });
    const file = join(path, '.docker/config.json');
    mkdirSync(join(path, '.docker'));
    symlinkSync('../real.json', file);
    const options = { signal, environment };
    await expect(logIn(registry.host, { ...me, password: 'no' }, options)).rejects.toMatchObject({
      code: 'REGISTRY_DENIED',
    });
    expect(readFileSync(file, 'utf8')).not.toContain(registry.host);
    await logIn(registry.host, me, options);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(join(path, 'real.json'), 'utf8'))).toEqual({
      auths: { 'other.e': user('o'), [registry.host]: { auth: base64('me:secret pass') } },
      HttpHeaders: { 'X-A': 'b' },
    });
    expect(await logOut(registry.host, options)).toBe(true);
    expect(await logOut(registry.host, options)).toBe(false);
    expect(readFileSync(file, 'utf8')).toContain('other.e');
  });

  it('S-62 the command line: login, push, pull, logout', async () => {
    const { environment, path } = home();
    const env = { ...process.env, ...environment, DOCKER_CONFIG: join(path, 'docker') };
    const cli = tsbuild();
    const name = `${registry.host}/team/app:1`;
    await withStoreAt(cli.root, name);
    const denied = await cli.run(['push', name], { env });
    expect(denied.status).toBe(6);
    expect(denied.stderr).toContain(`tsbuild login ${registry.host}`);
    await cli.ok(['login', '-u', 'me', '--password-stdin', registry.host], { env, input: 'secret pass\n' });
    const output = await cli.run(['push', name], { env });
    expect(output.status).toBe(0);
    expect(output.stdout + output.stderr).not.toMatch(/secret|bWU6/);
    await tsbuild().ok(['pull', name], { env });
    await cli.ok(['logout', registry.host], { env });
    expect((await tsbuild().run(['pull', name], { env })).status).toBe(6);
  });
});

async function withStoreAt(root: string, name: string): Promise<void> {
  const { openStore } = await import('../../src/store/index.ts');
  await using store = await openStore(root);
  await makeTinyImage(store, { name });
}

describe('a registry with tokens', () => {
  requires('tool:docker-registry');
  const folder = tempFolder('tokens');
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry(join(folder.path, 'registry'));
  });
  afterAll(async () => registry[Symbol.asyncDispose]());

  /** A token service before the registry; each token serves `uses` requests, as if it had expired then. */
  async function guarded(uses: number): Promise<FaultProxy & { readonly asked: string[] }> {
    const asked: string[] = [];
    let issued = 0;
    let left = 0;
    const proxy = await startFaultProxy(registry.host, async (request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      if (url.pathname === '/token') {
        const chunks: Buffer[] = [];
        for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
        const form = Buffer.concat(chunks).toString();
        asked.push(`${request.method ?? ''} ${url.search}${form} ${request.headers.authorization ?? ''}`);
        issued += 1;
        left = uses;
        response.end(JSON.stringify({ token: `token-${issued}`, expires_in: 300 }));
        return true;
      }
      if (left > 0 && request.headers.authorization === `Bearer token-${issued}`) {
        left -= 1;
        return false;
      }
      const realm = `http://${proxy.host}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="s"` }).end();
      return true;
    });
    return Object.assign(proxy, { asked });
  }

  it.each([
    [
      'password',
      { kind: 'password', username: 'me', password: 'the.pw' } as const,
      /^GET .*pull%2Cpush.* Basic bWU6dGhlLnB3$/,
    ],
    [
      'identity',
      { kind: 'identity', username: '<token>', token: 'the.idt' } as const,
      /^POST .*grant_type=refresh_token&refresh_token=the\.idt/,
    ],
  ])(
    'B-09 G-11 G-12 G-14 tokens by %s, that expire while it goes on',
    async (kind, credentials, expected) => {
      await using server = await guarded(5);
      const name = `${server.host}/guarded/${kind}:1`;
      await withStore(async (store) => {
        const made = await makeTinyImage(store, { name, layers: [{ a: 'x'.repeat(60_000) }] });
        await pushImage(store, name, {
          chunk: 8 * 1024,
          form: { compression: 'none' },
          credentials: () => Promise.resolve(credentials),
        });
        await withStore(async (other) => {
          expect((await pullImage(other, `${registry.host}/guarded/${kind}:1`)).id).toBe(made.id);
        });
      });
      expect(server.asked.length).toBeGreaterThan(2);
      for (const line of server.asked) expect(line).toMatch(expected);
      // Secrets stand in no URL; with a dot they are in no random base64 either.
      expect(server.seen.map(({ path }) => path).join(' ')).not.toMatch(/the\.(?:pw|idt)/);
    },
  );
});

it('a file that is not there is nothing', async () => {
  const { environment, path } = home();
  expect(await findCredentials({ registry: 'r.e' }, { signal, environment })).toBeUndefined();
  expect(existsSync(join(path, '.docker'))).toBe(false);
});
