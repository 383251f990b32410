import { describe, expect, it } from 'vitest';

import { openImage, packImage, pushImage, type Image, type PackingOptions } from '../../src/image/index.ts';
import { pullImage } from '../../src/registry/index.ts';
import type { Store } from '../../src/store/index.ts';
import { collectBytes } from '../support/collect.ts';
import { requires } from '../support/requires.ts';
import { readEstargz, readZstdChunked } from '../support/seekable-reader.ts';
import { sharedRegistry } from '../support/shared-registry.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

/** The first is as large as what travels while it is packed. */
const layers = [{ hello: 'hi\n', big: 'abcdefgh'.repeat(2 ** 20) }, { 'etc/motd': 'welcome\n' }];
const kinds = [
  ['estargz', readEstargz],
  ['zstd:chunked', readZstdChunked],
] as const;

/** Reads each file of each layer alone. */
async function filesOf(image: Image, read: (typeof kinds)[number][1]): Promise<readonly string[]> {
  const names: string[] = [];
  for (const layer of image.layers) {
    const blob = await collectBytes(await layer.openCompressed());
    names.push(...read(blob, layer.descriptor.annotations ?? {}).files.keys());
  }
  return names.filter((name) => name !== '.no.prefetch.landmark');
}

async function packed(store: Store, image: Image, options: PackingOptions) {
  await using folder = await store.tempDir();
  return await packImage(store, image, { ...options, folder: folder.path });
}

describe('seekable layers and a registry', () => {
  requires('tool:docker-registry');
  const registry = sharedRegistry();

  it.each(kinds)(
    'O-72 O-71 %s goes once, and comes back with its files readable',
    async (compression, read) => {
      const name = `${registry.host}/seekable/${compression.replace(':', '-')}:1`;
      await withStore(async (store) => {
        const made = await makeTinyImage(store, { name, layers });
        const form = { form: { compression } };
        const first = await pushImage(store, name, form);
        expect(first.transferred).toBeGreaterThan(0);
        // What the repository has under the digest is this image only where it has the same id.
        expect((await store.images.get(made.id))?.repoDigests ?? []).toEqual(
          compression === 'estargz' ? [] : [first.repoDigest],
        );
        // Nor is anything packed for it: the annotations and the config are those of the first time.
        expect(await pushImage(store, name, form)).toMatchObject({
          manifest: first.manifest,
          transferred: 0,
        });
        await withStore(async (other) => {
          const { manifest, id } = await pullImage(other, name);
          expect(id).toBe(first.config);
          // An image is the same however it is packed; only eStargz layers unpack to something else.
          expect(id === made.id).toBe(compression === 'zstd:chunked');
          const image = await openImage(other, manifest);
          expect(await filesOf(image, read)).toEqual(['hello', 'big', 'etc/motd']);
          // Fails unless they unpack to what the config names.
          for (const layer of image.layers) await collectBytes(await layer.open());
          // As a base, and for those who ask for the same again: nothing is packed anew.
          for (const options of [{}, form, { ...form, plainOnly: true }]) {
            expect((await packed(other, image, options)).descriptor).toEqual(manifest);
          }
        });
      });
    },
  );
});

describe('seekable layers of a store', () => {
  it('O-72 keep what says where their files are under OCI names, and lose it under Docker’s', async () => {
    await withStore(async (store) => {
      const { manifest } = await makeTinyImage(store, { layers: layers.slice(1) });
      const image = await openImage(store, manifest);
      const {
        config,
        layers: sent,
        rawManifest,
      } = await packed(store, image, { form: { compression: 'estargz' } });
      const [layer] = sent;
      const stored = await store.blobs.put(rawManifest);
      await store.blobs.put(config.bytes);
      expect(JSON.parse(Buffer.from(config.bytes).toString('utf8'))).toMatchObject({
        architecture: 'amd64',
        rootfs: { type: 'layers', diff_ids: [layer?.diffId] },
        history: [{ created_by: 'layer 0' }],
      });
      const again = await openImage(store, { ...stored, mediaType: manifest.mediaType });
      const kept = await packed(store, again, { form: { compression: 'zstd' }, plainOnly: true });
      expect(kept.layers[0]?.descriptor.annotations).toEqual(layer?.descriptor.annotations);
      const docker = await packed(store, again, { mediaTypes: 'docker' });
      expect(Buffer.from(docker.rawManifest).toString('utf8')).not.toContain('stargz');
    });
  });
});
