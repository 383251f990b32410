import { afterEach, describe, expect, it, vi } from 'vitest';

import { scopesOf } from '../../src/object-store/gha-token.ts';
import { startGha } from '../support/gha-server.ts';
import { blobOf, bytesIn, placeOf } from '../support/places.ts';

const add =
  (word: string) =>
  (there: Buffer | undefined): Uint8Array | undefined => {
    const words = there?.toString().split(' ') ?? [];
    return words.includes(word) ? undefined : Buffer.from([...words, word].join(' '));
  };

describe.each([1, 2] as const)('the cache of GitHub Actions, version %i', (version) => {
  it('O-13 a branch reads its own and those that it came from, its own first', async () => {
    await using server = await startGha();
    const main = placeOf(server.options(version, 'refs/heads/main'));
    const feature = placeOf(server.options(version, 'refs/heads/feature', 'refs/heads/main'));
    const blob = blobOf('of main');
    await main.put(blob);
    await main.replace(add('main'));
    await feature.replace(add('feature'));
    expect((await feature.documents()).map(String)).toEqual(['feature', 'main']);
    expect((await bytesIn(feature, blob)).toString()).toBe('of main');
    const own = blobOf('of the branch');
    await feature.put(own);
    expect((await main.documents()).map(String)).toEqual(['main']);
    expect(await main.has(own)).toBe(false);
  });

  it('O-13 entries that a killed job began are passed over', async () => {
    await using server = await startGha();
    const place = placeOf(server.options(version, 'main'), { patience: 100 });
    const blob = blobOf('a blob');
    await place.put(blob);
    await place.replace(add('one'));
    await place.replace(add('two'));
    // Taken, and never finished.
    for (const entry of server.entries) if (!entry.key.endsWith('#1')) entry.size = undefined;
    expect(await place.has(blob)).toBe(false);
    await place.put(blob);
    expect(await place.has(blob)).toBe(true);
    await place.replace(add('three'));
    expect((await place.documents()).map(String)).toEqual(['one three']);
    await place.replace(add('four'));
    expect((await place.documents()).map(String)).toEqual(['one three four']);
  });

  it('O-13 a blob that finds no place is a failure', async () => {
    await using server = await startGha();
    const place = placeOf(server.options(version, 'main'));
    const blob = blobOf('a blob');
    await place.put(blob);
    for (let number = 2; number <= 10; number++) {
      for (const entry of server.entries) entry.size = undefined;
      await place.put(blob);
    }
    for (const entry of server.entries) entry.size = undefined;
    await expect(place.put(blob)).rejects.toMatchObject({ code: 'CACHE_SERVICE_ERROR' });
  });

  it('O-13 caches of other scopes are other caches', async () => {
    await using server = await startGha();
    const options = server.options(version, 'main');
    await placeOf(`${options},scope=app`).replace(add('app'));
    expect(await placeOf(`${options},scope=ap`).documents()).toEqual([]);
    expect((await placeOf(`${options},scope=app`).documents()).map(String)).toEqual(['app']);
  });

  it('O-13 what takes longer than the timeout has failed', async () => {
    await using server = await startGha({
      intercept: () => ({ status: 503, headers: { 'retry-after': '30' } }),
    });
    const place = placeOf(`${server.options(version, 'main')},timeout=50ms`);
    await expect(place.documents()).rejects.toMatchObject({ code: 'CACHE_SERVICE_UNREACHABLE' });
    const reading = bytesIn(place, blobOf('a blob'));
    await expect(reading).rejects.toMatchObject({ code: 'CACHE_SERVICE_UNREACHABLE' });
  });
});

describe('what a job is told', () => {
  afterEach(() => vi.unstubAllEnvs());

  const token = (claims: object): string =>
    `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`;
  const ac = (...scopes: readonly [string, number][]): string =>
    JSON.stringify(scopes.map(([Scope, Permission]) => ({ Scope, Permission })));

  it.each([
    [
      { ac: ac(['refs/pull/1/merge', 3], ['refs/heads/main', 1]) },
      ['refs/pull/1/merge', 'refs/heads/main'],
      'refs/pull/1/merge',
    ],
    [{ ac: ac(['refs/heads/main', 1]) }, ['refs/heads/main'], undefined],
    [{}, [''], ''],
    [{ ac: 'nonsense' }, [''], ''],
  ])('O-13 the scopes of %j', (claims, read, write) => {
    expect(scopesOf(token(claims))).toEqual({ read, write });
  });

  it('O-13 a token that has run out', () => {
    expect(() => scopesOf(token({ exp: 1000 }), 1_000_000)).toThrow('has run out');
  });

  it('O-13 without what only actions get it says how a step gets it', () => {
    vi.stubEnv('ACTIONS_RUNTIME_TOKEN', '');
    expect(() => placeOf('type=gha,version=2,url_v2=http://127.0.0.1:3')).toThrow(
      'needs ACTIONS_RUNTIME_TOKEN, which GitHub gives to actions and not to run: steps',
    );
  });

  it('O-13 blobs that are listed are not asked for one by one', async () => {
    const blob = blobOf('listed');
    const asked: string[] = [];
    await using server = await startGha({
      intercept: ({ path, headers }) => {
        asked.push(path);
        if (!path.startsWith('/api/repos/owner/name/actions/caches')) return undefined;
        if (headers['authorization'] !== 'Bearer ghp') return { status: 401 };
        return {
          status: 200,
          body: JSON.stringify({ actions_caches: [{ key: `tsbuild-blob-1-${blob.digest}#2` }] }),
        };
      },
    });
    vi.stubEnv('GITHUB_API_URL', `http://${server.host}/api`);
    const place = placeOf(`${server.options(2, 'main')},repository=owner/name,ghtoken=ghp`);
    expect([await place.has(blob), await place.has(blobOf('other'))]).toEqual([true, false]);
    expect(asked).toHaveLength(1);
    // It only saves questions.
    vi.stubEnv('GITHUB_API_URL', 'http://127.0.0.1:3');
    const unlisted = placeOf(`${server.options(2, 'main')},repository=owner/name,ghtoken=ghp`);
    await unlisted.put(blob);
    expect([await unlisted.has(blob), await unlisted.has(blobOf('other'))]).toEqual([true, false]);
  });
});
