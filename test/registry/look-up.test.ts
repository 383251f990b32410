import { describe, expect, it } from 'vitest';

import { mediaTypes, parseReference, type Platform } from '../../src/oci/index.ts';
import { lookUpImage, pullImage } from '../../src/registry/index.ts';
import { requires } from '../support/requires.ts';
import { sharedRegistry } from '../support/shared-registry.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry', 'tool:skopeo');

const amd64: Platform = { os: 'linux', architecture: 'amd64' };
const signal = new AbortController().signal;
const registry = sharedRegistry();

function lookUp(
  name: string,
  options: Partial<Parameters<typeof lookUpImage>[1]> = {},
): ReturnType<typeof lookUpImage> {
  return lookUpImage(parseReference(`${registry.host}/${name}`), { platform: amd64, signal, ...options });
}

describe('lookUpImage', () => {
  it('tells of an image what pulling it would find', async () => {
    await withStore(async (store) => {
      await makeTinyImage(store, {
        name: 'docker.io/library/app:latest',
        layers: [{ a: 'one' }, { b: 'two' }],
      });
      await registry.push(store, 'app:latest', 'team/app:1');
    });
    const found = await lookUp('team/app:1');
    await withStore(async (store) => {
      const pulled = await pullImage(store, `${registry.host}/team/app:1`, { platform: amd64 });
      expect(found).toMatchObject({ id: pulled.id, digest: pulled.digest, config: pulled.config });
      expect(found.manifest.layers).toHaveLength(2);
    });
    expect(await lookUp(`team/app@${found.digest}`)).toEqual(found);
  });

  it('fails as pulling does', async () => {
    const name = `${registry.host}/none/such:1`;
    await withStore(async (store) => {
      const pulling = await pullImage(store, name).catch((error: unknown) => error);
      const looking = await lookUp('none/such:1').catch((error: unknown) => error);
      expect(looking).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
      expect(String(looking)).toBe(String(pulling));
    });
  });

  it('refuses what is no image, and a config that no image has', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store, {
        name: 'docker.io/library/app:latest',
        layers: [{ a: '1' }],
      });
      await registry.push(store, 'app:latest', 'odd:1');
      const manifest = JSON.parse(String(await store.blobs.read(image.manifest.digest))) as {
        config: { size: number };
        layers: unknown[];
      };
      const put = (tag: string, value: object): Promise<void> =>
        registry.putManifest('odd', tag, { mediaType: mediaTypes.manifest, body: JSON.stringify(value) });
      await put('layers', { ...manifest, layers: [] });
      await expect(lookUp('odd:layers')).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
      await put('chart', { ...manifest, config: { ...manifest.config, mediaType: 'application/x-chart' } });
      await expect(lookUp('odd:chart')).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    });
  });

  it('tells which platforms there are when there is none for this one', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store, { name: 'docker.io/library/app:latest' });
      await registry.push(store, 'app:latest', 'multi:one');
      const manifests = [{ ...image.manifest, platform: amd64 }];
      const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
      await registry.putManifest('multi', 'all', { mediaType: mediaTypes.index, body });
      expect((await lookUp('multi:all')).digest).toBe(image.manifest.digest);
      const s390x = { os: 'linux', architecture: 's390x' };
      await expect(lookUp('multi:all', { platform: s390x })).rejects.toMatchObject({
        code: 'PLATFORM_MISMATCH',
        hint: expect.stringContaining('linux/amd64') as string,
      });
    });
  });

  it('stops when told', async () => {
    const stopped = AbortSignal.abort(new Error('enough'));
    await expect(lookUp('team/app:1', { signal: stopped })).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
