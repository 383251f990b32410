import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { openStore, type Store } from '../../src/store/index.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage, type TinyImage } from '../support/tiny-image.ts';

describe('O-40 O-41 other tools read the layout in place', () => {
  requires('root', 'tool:skopeo', 'tool:umoci');

  const names = [
    ['docker.io/library/tiny:latest', 'tiny:latest'],
    ['docker.io/library/tiny:2', 'tiny:2'],
    ['docker.io/user/tiny:latest', 'user/tiny:latest'],
    ['localhost:5000/a/b_c:v1.2-rc_3', 'localhost:5000/a/b_c:v1.2-rc_3'],
  ] as const;

  async function withImages(
    body: (store: Store, images: readonly TinyImage[]) => Promise<void>,
  ): Promise<void> {
    using folder = tempFolder('layout');
    await using store = await openStore(join(folder.path, 'store'));
    const images: TinyImage[] = [];
    for (const [name] of names)
      images.push(await makeTinyImage(store, { name, compression: 'gzip', layers: [{ name }] }));
    await body(store, images);
  }

  it('skopeo finds each image by the name that people write', async () => {
    await withImages(async (store, images) => {
      for (const [index, [, familiar]] of names.entries()) {
        const raw = await runOk(['skopeo', 'inspect', '--raw', `oci:${store.layout}:${familiar}`]);
        expect(raw).toBe((await store.blobs.read(images[index]!.manifest.digest)).toString());
        const inspected = JSON.parse(
          await runOk(['skopeo', 'inspect', `oci:${store.layout}:${familiar}`]),
        ) as object;
        expect(inspected).toMatchObject({
          Layers: images[index]!.layers.map((layer) => layer.descriptor.digest),
        });
      }
    });
  });

  it('umoci lists the names and unpacks each image', async () => {
    await withImages(async (store) => {
      const listed = await runOk(['umoci', 'list', '--layout', store.layout]);
      expect(listed.split('\n').sort()).toEqual(names.map(([, familiar]) => familiar).sort());
      using folder = tempFolder('bundle');
      for (const [index, [name, familiar]] of names.entries()) {
        const bundle = join(folder.path, `${index}`);
        await runOk(['umoci', 'unpack', '--image', `${store.layout}:${familiar}`, bundle]);
        expect(readFileSync(join(bundle, 'rootfs/name'), 'utf8')).toBe(name);
      }
    });
  });

  it('skopeo copies an image out of it whole', async () => {
    await withImages(async (store, images) => {
      using folder = tempFolder('copy');
      await runOk(['skopeo', 'copy', `oci:${store.layout}:tiny:latest`, `dir:${folder.path}/out`]);
      const copied = readFileSync(join(folder.path, 'out/manifest.json'), 'utf8');
      expect(copied).toBe((await store.blobs.read(images[0]!.manifest.digest)).toString());
    });
  });

  it('a name that is moved or removed is so for them, too', async () => {
    await withImages(async (store, images) => {
      const [first, second] = [names[0][0], names[1][0]];
      await store.refs.set({ name: first, target: images[1]!.manifest });
      const raw = await runOk(['skopeo', 'inspect', '--raw', `oci:${store.layout}:tiny:latest`]);
      expect(raw).toBe((await store.blobs.read(images[1]!.manifest.digest)).toString());
      await store.refs.delete(second);
      expect((await runCommand(['skopeo', 'inspect', `oci:${store.layout}:tiny:2`])).status).not.toBe(0);
      expect(await runOk(['umoci', 'list', '--layout', store.layout])).not.toContain('tiny:2');
    });
  });

  it('an index is chosen from by platform', async () => {
    using folder = tempFolder('layout');
    await using store = await openStore(join(folder.path, 'store'));
    const platforms = ['amd64', 'arm64', 's390x'].map((architecture) => ({ os: 'linux', architecture }));
    const manifests = [];
    for (const platform of platforms)
      manifests.push({ ...(await makeTinyImage(store, { platform })).manifest, platform });
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
    await store.refs.set({ name: names[0][0], target: { mediaType, ...(await store.blobs.put(bytes)) } });
    const chosen = await runOk([
      'skopeo',
      '--override-arch',
      's390x',
      'inspect',
      `oci:${store.layout}:tiny:latest`,
    ]);
    expect(JSON.parse(chosen)).toMatchObject({ Architecture: 's390x' });
  });
});
