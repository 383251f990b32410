import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { pushImage } from '../../src/image/index.ts';
import { parsePlatform } from '../../src/oci/index.ts';
import { baseResolver } from '../../src/ops/index.ts';
import { pullImage } from '../../src/registry/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyIndex, type TinyIndex } from '../support/tiny-index.ts';
import { withStore } from '../support/with-store.ts';

describe('a base image for several platforms', () => {
  requires('tool:docker-registry');
  const platforms = ['linux/arm64', 'linux/amd64'];
  let registry: TestRegistry;
  let before: TinyIndex;
  let after: TinyIndex;

  const push = async (tag: string, compression: 'gzip' | 'zstd'): Promise<TinyIndex> =>
    withStore(async (store) => {
      const name = `${registry.host}/team/base:${tag}`;
      const index = await makeTinyIndex(store, platforms, { name, compression });
      await pushImage(store, name);
      return index;
    });

  beforeAll(async () => {
    registry = await startRegistry(join(tempFolder('registry').path, 'r'));
    before = await push('1', 'gzip');
    after = await push('2', 'zstd');
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it.each(['pull', 'look-up'] as const)(
    'S-66 is of one index, whose tag moves meanwhile: %s',
    async (bases) => {
      let asked = 0;
      // After the first time the tag is another one.
      await using moving = await startFaultProxy(registry.host, (request) => {
        if (request.url?.endsWith('/manifests/1') === true && asked++ > 0)
          request.url = request.url.replace(/1$/, '2');
        return false;
      });
      const name = `${moving.host}/team/base:1`;
      await withStore(async (store) => {
        const { signal } = new AbortController();
        const settings = { store, pull: false, signal, emit: () => undefined, bases, exact: true };
        const resolve = baseResolver(settings);
        const found = await Promise.all(platforms.map((text) => resolve(name, parsePlatform(text))));
        const digests = platforms.map((text) => before.images.get(text)?.manifest.digest);
        expect(found.map(({ digest }) => digest)).toEqual(digests);
        // Another build asks anew.
        const [text = ''] = platforms;
        const again = await baseResolver({ ...settings, pull: true })(name, parsePlatform(text));
        expect(again.digest).not.toBe(digests[0]);
      });
    },
  );

  it.each([
    ['linux/arm64', 'linux/amd64'],
    ['linux/amd64', 'linux/arm64'],
  ])(
    'S-66 is of the index that the store’s image came from, though the tag has moved since: %s first',
    async (...order) => {
      let isMoved = false;
      await using moving = await startFaultProxy(registry.host, (request) => {
        if (isMoved) request.url = request.url?.replace(/\/manifests\/1$/, '/manifests/2');
        return false;
      });
      const name = `${moving.host}/team/base:1`;
      await withStore(async (store) => {
        const { signal } = new AbortController();
        const settings = {
          store,
          pull: false,
          signal,
          emit: () => undefined,
          bases: 'pull',
          exact: true,
        } as const;
        const [, there = ''] = platforms;
        await pullImage(store, name, { platform: parsePlatform(there) });
        isMoved = true;
        const resolve = baseResolver(settings);
        const found = await Promise.all(order.map((text) => resolve(name, parsePlatform(text))));
        expect(found.map(({ digest }) => digest)).toEqual(
          order.map((text) => before.images.get(text)?.manifest.digest),
        );
      });
    },
  );

  it('S-66 is of the tag’s index where the registry has the earlier one no more', async () => {
    let gone: string | undefined;
    await using moving = await startFaultProxy(registry.host, (request, response) => {
      if (gone === undefined) return false;
      request.url = request.url?.replace(/\/manifests\/1$/, '/manifests/2');
      if (request.url?.endsWith(gone) !== true) return false;
      response.writeHead(404).end();
      return true;
    });
    const name = `${moving.host}/team/base:1`;
    await withStore(async (store) => {
      const { signal } = new AbortController();
      const settings = {
        store,
        pull: false,
        signal,
        emit: () => undefined,
        bases: 'pull',
        exact: true,
      } as const;
      gone = (await pullImage(store, name, { platform: parsePlatform('linux/amd64') })).digest;
      const resolve = baseResolver(settings);
      const found = [];
      for (const text of platforms) found.push(await resolve(name, parsePlatform(text)));
      expect(found.map(({ digest }) => digest)).toEqual(
        platforms.map((text) => after.images.get(text)?.manifest.digest),
      );
    });
  });

  it('S-66 a platform that it lacks takes nothing from the others', async () => {
    await withStore(async (store) => {
      const { signal } = new AbortController();
      const settings = { store, pull: false, signal, emit: () => undefined, exact: true };
      const resolve = baseResolver({ ...settings, bases: 'pull' });
      const name = `${registry.host}/team/base:1`;
      const asked = ['linux/s390x', 'linux/amd64'].map((text) => resolve(name, parsePlatform(text)));
      const [missing, found] = await Promise.allSettled(asked);
      expect(missing).toMatchObject({ status: 'rejected', reason: { code: 'PLATFORM_MISMATCH' } });
      const digest = before.images.get('linux/amd64')?.manifest.digest;
      expect(found).toMatchObject({ status: 'fulfilled', value: { digest } });
    });
  });
});
