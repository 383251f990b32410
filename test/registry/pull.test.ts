import { beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { findImage, listImages, loadImage } from '../../src/image/index.ts';
import { mediaTypes, validateImage } from '../../src/oci/index.ts';
import type { Descriptor, Platform } from '../../src/oci/index.ts';
import { pullImage } from '../../src/registry/index.ts';
import type { PullProgress } from '../../src/registry/index.ts';
import type { Store } from '../../src/store/index.ts';
import { requires } from '../support/requires.ts';
import { sharedRegistry } from '../support/shared-registry.ts';
import { makeTinyImage, type TinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry', 'tool:skopeo');

const app = 'docker.io/library/app:latest';
const layers = [{ 'etc/a': 'one\n' }, { 'etc/b': 'two\n' }, { 'etc/a': 'one\n' }];
const amd64: Platform = { os: 'linux', architecture: 'amd64' };

const registry = sharedRegistry();

async function pushed(
  to: string,
  options: { docker?: boolean; compression?: 'none' | 'gzip' | 'zstd' },
): Promise<TinyImage> {
  return withStore(async (store) => {
    const image = await makeTinyImage(store, { name: app, layers, ...options });
    await registry.push(store, 'app:latest', to);
    return image;
  });
}

describe('pullImage', () => {
  it.each([{ compression: 'gzip' }, { compression: 'zstd' }, { compression: 'none' }] as const)(
    'G-44 S-55 keeps manifest, config and layers byte for byte: %j',
    async (options) => {
      const image = await pushed('app:bytes', options);
      await withStore(async (store) => {
        const name = `${registry.host}/app:bytes`;
        const pulled = await pullImage(store, name, { platform: amd64 });
        expect(pulled).toMatchObject({
          id: image.id,
          manifest: image.manifest,
          digest: image.manifest.digest,
          name,
          repoDigest: `${registry.host}/app@${image.manifest.digest}`,
        });
        expect(await validateImage(store.blobs, pulled.manifest)).toEqual([]);
        expect((await loadImage(store, name)).manifest.layers).toEqual(
          image.layers.map((layer) => layer.descriptor),
        );
        expect(await listImages(store)).toMatchObject([
          { id: image.id, names: [name], repoDigests: [pulled.repoDigest] },
        ]);
      });
    },
  );

  it('G-44 takes Docker manifests as they are', async () => {
    await withStore(async (from) => {
      const image = await makeTinyImage(from, { name: app, compression: 'gzip', layers });
      await registry.push(from, 'app:latest', 'app:docker', { docker: true });
      await withStore(async (store) => {
        const pulled = await pullImage(store, `${registry.host}/app:docker`);
        expect(pulled.manifest.mediaType).toBe(mediaTypes.dockerManifest);
        expect(pulled.id).toBe(image.id);
        expect(await validateImage(store.blobs, pulled.manifest)).toEqual([]);
      });
    });
  });

  it('only blobs that the store lacks travel', async () => {
    await pushed('app:twice', { compression: 'gzip' });
    await withStore(async (store) => {
      const progress: PullProgress[] = [];
      const options = { onProgress: (one: PullProgress) => void progress.push(one) };
      const first = await pullImage(store, `${registry.host}/app:twice`, options);
      const total = first.manifest.size;
      expect(total).toBeGreaterThan(0);
      expect(first.transferred).toBeGreaterThan(0);
      const done = progress.filter(({ state }) => state === 'done');
      // Two of the three layers are the same blob.
      expect(done.map(({ kind }) => kind).sort()).toEqual(['config', 'layer', 'layer']);
      expect(done.every(({ current, total: all }) => current === all)).toBe(true);
      progress.length = 0;
      const second = await pullImage(store, `${registry.host}/app:twice`, options);
      expect(second.transferred).toBe(0);
      expect(new Set(progress.map(({ state }) => state))).toEqual(new Set(['present']));
    });
  });

  describe('an index', () => {
    const platforms: readonly (readonly [tag: string, platform: Platform])[] = [
      ['amd64', amd64],
      ['arm64', { os: 'linux', architecture: 'arm64' }],
      ['armv6', { os: 'linux', architecture: 'arm', variant: 'v6' }],
      ['armv7', { os: 'linux', architecture: 'arm', variant: 'v7' }],
    ];
    const images = new Map<string, TinyImage>();
    let index = '';

    beforeAll(async () => {
      const entries: Descriptor[] = [];
      for (const [tag, platform] of platforms) {
        await withStore(async (store) => {
          const image = await makeTinyImage(store, { name: app, platform, layers: [{ [tag]: '' }] });
          await registry.push(store, 'app:latest', `multi:${tag}`);
          images.set(tag, image);
          entries.push({ ...image.manifest, platform });
        });
      }
      index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: entries });
      await registry.putManifest('multi', 'all', { mediaType: mediaTypes.index, body: index });
    });

    it.each<[Platform, string]>([
      [amd64, 'amd64'],
      [{ os: 'linux', architecture: 'arm64' }, 'arm64'],
      [{ os: 'linux', architecture: 'arm', variant: 'v7' }, 'armv7'],
      [{ os: 'linux', architecture: 'arm', variant: 'v6' }, 'armv6'],
      [{ os: 'linux', architecture: 'arm', variant: 'v8' }, 'armv7'],
    ])('O-31 gives %j the image for %s', async (platform, tag) => {
      await withStore(async (store) => {
        const pulled = await pullImage(store, `${registry.host}/multi:all`, { platform });
        expect(pulled).toMatchObject({ id: images.get(tag)!.id, digest: digestOf(index) });
      });
    });

    it('O-31 says which platforms there are when the wanted one is not', async () => {
      await withStore(async (store) => {
        const platform = { os: 'linux', architecture: 's390x' };
        await expect(pullImage(store, `${registry.host}/multi:all`, { platform })).rejects.toMatchObject({
          code: 'PLATFORM_MISMATCH',
          hint: 'it has linux/amd64, linux/arm64, linux/arm/v6, linux/arm/v7',
        });
      });
    });

    it('S-66 pulled by digest, it gets no tag and is found by that digest again without asking', async () => {
      await withStore(async (store) => {
        const name = `${registry.host}/multi@${digestOf(index)}`;
        const pulled = await pullImage(store, name, { platform: amd64 });
        expect(pulled.name).toBeUndefined();
        expect(await store.refs.list()).toEqual([]);
        expect(await findImage(store, name)).toMatchObject({ id: images.get('amd64')!.id });
      });
    });

    it('S-66 O-31 one digest means an image for each platform that was pulled', async () => {
      await withStore(async (store) => {
        const name = `${registry.host}/multi@${digestOf(index)}`;
        for (const [tag, platform] of platforms.slice(0, 2)) {
          expect(await findImage(store, name, { platform })).toBeUndefined();
          await pullImage(store, name, { platform });
          expect(await findImage(store, name, { platform })).toMatchObject({ id: images.get(tag)!.id });
        }
        await pullImage(store, `${registry.host}/multi:all`, { platform: amd64 });
        const tagged = async (platform: Platform) =>
          findImage(store, `${registry.host}/multi:all`, { platform });
        expect(await tagged(amd64)).toMatchObject({ id: images.get('amd64')!.id });
        expect(await tagged({ os: 'linux', architecture: 's390x' })).toBeUndefined();
      });
    });
  });

  it.each([
    ['app:no-such-tag', 'IMAGE_NOT_FOUND'],
    ['no/such/repository:1', 'IMAGE_NOT_FOUND'],
    [`app@${digestOf('nothing')}`, 'IMAGE_NOT_FOUND'],
  ] as const)('G-44 says that there is no %s', async (name, code) => {
    await withStore(async (store) => {
      await expect(pullImage(store, `${registry.host}/${name}`)).rejects.toMatchObject({ code });
      await expectEmpty(store);
    });
  });

  it('G-44 refuses what is stored as a manifest but is no image', async () => {
    await pushed('app:chart', { compression: 'gzip' });
    const config = await withStore(
      async (store) => (await pullImage(store, `${registry.host}/app:chart`)).id,
    );
    const type = 'application/vnd.cncf.helm.config.v1+json';
    const size = await withStore(async (store) => {
      await pullImage(store, `${registry.host}/app:chart`);
      return (await store.blobs.stat(config))?.size;
    });
    const body = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: type, digest: config, size },
      layers: [],
    };
    await registry.putManifest('app', 'helm', { mediaType: mediaTypes.manifest, body: JSON.stringify(body) });
    await withStore(async (store) => {
      await expect(pullImage(store, `${registry.host}/app:helm`)).rejects.toMatchObject({
        code: 'IMAGE_INVALID',
        message: `${registry.host}/app:helm is not a container image but ${type}`,
      });
      await expectEmpty(store);
    });
  });

  it('an aborted pull is INTERRUPTED and leaves no name', async () => {
    await pushed('app:abort', { compression: 'gzip' });
    await withStore(async (store) => {
      const stop = new AbortController();
      const options = { signal: stop.signal, onProgress: () => stop.abort() };
      await expect(pullImage(store, `${registry.host}/app:abort`, options)).rejects.toMatchObject({
        code: 'INTERRUPTED',
      });
      await expectEmpty(store);
    });
  });
});

async function expectEmpty(store: Store): Promise<void> {
  expect(await store.refs.list()).toEqual([]);
  expect(await store.images.list()).toEqual([]);
}
