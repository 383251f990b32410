import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { pullImage } from '../../src/registry/index.ts';
import { startFaultProxy, type FaultProxy, type Intercept } from '../support/fault-proxy.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage, type TinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry', 'tool:skopeo');

const retry = { tries: 2, first: 1, longest: 5, patience: 100 };

let registry: TestRegistry;
let image: TinyImage;

beforeAll(async () => {
  using folder = tempFolder('registry');
  registry = await startRegistry(join(folder.path, 'r'));
  await withStore(async (store) => {
    const layers = [{ a: '' }, { b: '' }, { c: '' }, { d: '' }];
    image = await makeTinyImage(store, { name: 'docker.io/library/app:latest', layers, compression: 'gzip' });
    await registry.push(store, 'app:latest', 'team/app:1');
  });
});

afterAll(async () => registry[Symbol.asyncDispose]());

/** Refuses what has not this token, and says where one is. */
function guarded(challenge: () => string, valid: (authorization: string | undefined) => boolean): Intercept {
  return (request, response) => {
    if (valid(request.headers.authorization)) return false;
    response.writeHead(401, { 'www-authenticate': challenge() }).end();
    return true;
  };
}

/** Gives out `token-1`, `token-2` … */
async function startTokens(answer?: (n: number) => unknown): Promise<FaultProxy> {
  let n = 0;
  return startFaultProxy(undefined, (_request, response) => {
    n += 1;
    response.end(JSON.stringify(answer?.(n) ?? { token: `token-${n}`, expires_in: 300 }));
    return true;
  });
}

async function pull(host: string): Promise<void> {
  await withStore(async (store) => {
    const pulled = await pullImage(store, `${host}/team/app:1`, { retry });
    expect(pulled.id).toBe(image.id);
  });
}

const sent = (proxy: FaultProxy): readonly (string | undefined)[] =>
  proxy.seen.map(({ headers }) => headers.authorization);

describe('anonymous tokens', () => {
  it('G-10 G-11 G-14 gets one token for the repository and uses it for everything', async () => {
    await using tokens = await startTokens();
    const challenge = (): string =>
      `Bearer realm="http://${tokens.host}/token?account=x",service="the registry"`;
    await using proxy = await startFaultProxy(
      registry.host,
      guarded(challenge, (value) => value === 'Bearer token-1'),
    );
    await pull(proxy.host);
    expect(tokens.seen).toHaveLength(1);
    const { path, headers } = tokens.seen[0]!;
    const query = new URL(path, 'http://x').searchParams;
    expect(Object.fromEntries(query)).toEqual({
      account: 'x',
      service: 'the registry',
      scope: 'repository:team/app:pull',
    });
    expect(headers.authorization).toBeUndefined();
    const [first, ...rest] = sent(proxy);
    expect(first).toBeUndefined();
    expect(new Set(rest)).toEqual(new Set(['Bearer token-1']));
  });

  it('G-11 takes the token under its other name', async () => {
    await using tokens = await startTokens(() => ({ access_token: 'other' }));
    const challenge = (): string => `Bearer realm="http://${tokens.host}/t"`;
    await using proxy = await startFaultProxy(
      registry.host,
      guarded(challenge, (value) => value === 'Bearer other'),
    );
    await pull(proxy.host);
  });

  it('G-14 gets one new token when the old one is refused, however many requests wait for it', async () => {
    await using tokens = await startTokens();
    const challenge = (): string => `Bearer realm="http://${tokens.host}/t"`;
    // The first token is good for the manifest and the config, the layers come in parallel.
    let good = 2;
    const valid = (value: string | undefined): boolean =>
      value === 'Bearer token-2' || (value === 'Bearer token-1' && (good -= 1) >= 0);
    await using proxy = await startFaultProxy(registry.host, guarded(challenge, valid));
    await pull(proxy.host);
    expect(tokens.seen).toHaveLength(2);
  });

  it.each<[string, (host: string) => string]>([
    ['a user name', () => 'Basic realm="x"'],
    ['nothing that is known', () => 'Negotiate'],
    ['a token of a private address', () => 'Bearer realm="http://10.0.0.1/token"'],
  ])('G-10 G-15 is denied where %s is asked for', async (_name, challenge) => {
    await using proxy = await startFaultProxy(
      registry.host,
      guarded(
        () => challenge(''),
        () => false,
      ),
    );
    await expect(pull(proxy.host)).rejects.toMatchObject({ code: 'REGISTRY_DENIED' });
  });

  it('G-14 is denied when the token is not good either, after one try', async () => {
    await using tokens = await startTokens();
    const challenge = (): string => `Bearer realm="http://${tokens.host}/t"`;
    await using proxy = await startFaultProxy(
      registry.host,
      guarded(challenge, () => false),
    );
    await expect(pull(proxy.host)).rejects.toMatchObject({ code: 'REGISTRY_DENIED' });
    expect(tokens.seen).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['without a token', {}],
    ['with a token that would add a header', { token: 'a\r\nx-evil: 1' }],
    ['that is not an object', 'token'],
    ['that is too large', { token: 'x'.repeat(2 ** 20) }],
  ])('G-35 refuses an answer %s', async (_name, answer) => {
    await using tokens = await startTokens(() => answer);
    const challenge = (): string => `Bearer realm="http://${tokens.host}/t"`;
    await using proxy = await startFaultProxy(
      registry.host,
      guarded(challenge, () => false),
    );
    await expect(pull(proxy.host)).rejects.toMatchObject({ code: 'REGISTRY_ERROR' });
  });
});

describe('redirects', () => {
  const isBlob = (request: IncomingMessage): boolean => request.url?.includes('/blobs/') === true;

  it('G-16 S-60 the token does not go along to another host', async () => {
    await using tokens = await startTokens();
    await using storage = await startFaultProxy(registry.host, () => false);
    const challenge = (): string => `Bearer realm="http://${tokens.host}/t"`;
    const guard = guarded(challenge, (value) => value === 'Bearer token-1');
    await using proxy = await startFaultProxy(registry.host, async (request, response) => {
      if (await guard(request, response)) return true;
      if (!isBlob(request)) return false;
      response.writeHead(307, { location: `http://${storage.host}${request.url ?? ''}` }).end();
      return true;
    });
    await pull(proxy.host);
    expect(sent(proxy)).toContain('Bearer token-1');
    expect(storage.seen.length).toBeGreaterThan(0);
    expect(new Set(sent(storage))).toEqual(new Set([undefined]));
  });

  it('G-16 the token goes along to another path of the same host', async () => {
    await using tokens = await startTokens();
    const challenge = (): string => `Bearer realm="http://${tokens.host}/t"`;
    const guard = guarded(challenge, (value) => value === 'Bearer token-1');
    await using proxy = await startFaultProxy(registry.host, async (request, response) => {
      if (await guard(request, response)) return true;
      if (!isBlob(request) || request.url?.endsWith('?again') === true) return false;
      response.writeHead(302, { location: `${request.url ?? ''}?again` }).end();
      return true;
    });
    await pull(proxy.host);
    const again = proxy.seen.filter(({ path }) => path.endsWith('?again'));
    expect(new Set(again.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer token-1']));
  });

  it.each([
    ['in a circle', (path: string) => path],
    ['to plain http elsewhere (G-37)', () => 'http://example.invalid/'],
    ['to a file', () => 'file:///etc/passwd'],
    ['to nowhere', () => 'http://'],
  ])('does not follow a redirect %s', async (_name, target) => {
    await using proxy = await startFaultProxy(registry.host, (request, response) => {
      if (!isBlob(request)) return false;
      response.writeHead(307, { location: target(request.url ?? '') }).end();
      return true;
    });
    await expect(pull(proxy.host)).rejects.toMatchObject({ code: 'REGISTRY_ERROR' });
  });
});
