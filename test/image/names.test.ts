import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import {
  findImage,
  imageHistory,
  inspectImage,
  listImages,
  loadImage,
  removeImage,
  resolveImage,
  tagImage,
} from '../../src/image/index.ts';
import type { ImageUse } from '../../src/image/index.ts';
import { collectBytes } from '../support/collect.ts';
import { makeTinyImage, tinyTar } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

const app = 'docker.io/library/app:latest';

describe('resolveImage', () => {
  it('C-70 G-45 finds an image of the store by every way it can be named', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store, { name: app });
      const pulled = `docker.io/library/app@${digestOf('an index')}`;
      await store.images.put({
        id: image.id,
        manifest: image.manifest,
        added: '2020',
        repoDigests: [pulled],
      });
      const hex = image.id.slice(7);
      const ways = [
        'app',
        'app:latest',
        'library/app',
        app,
        image.id,
        hex,
        hex.slice(0, 12),
        `sha256:${hex.slice(0, 8)}`,
      ];
      ways.push(
        pulled,
        `app:other@${digestOf('an index')}`,
        `app@${image.manifest.digest}`,
        image.manifest.digest,
      );
      for (const way of ways) {
        expect(await resolveImage(store, way), way).toMatchObject({ id: image.id, manifest: image.manifest });
      }
      expect(await findImage(store, 'app:missing')).toBeUndefined();
      expect(await findImage(store, `other@${image.manifest.digest}`)).toBeUndefined();
    });
  });

  it('S-66 never lets a tag stand in for a digest', async () => {
    await withStore(async (store) => {
      await makeTinyImage(store, { name: app });
      expect(await findImage(store, `app:latest@${digestOf('something else')}`)).toBeUndefined();
    });
  });

  it('prefers a name that looks like an id over the id', async () => {
    await withStore(async (store) => {
      const one = await makeTinyImage(store, { name: app });
      const prefix = one.id.slice(7, 12);
      const two = await makeTinyImage(store, {
        layers: [{ other: '' }],
        name: `docker.io/library/${prefix}:latest`,
      });
      expect(await resolveImage(store, prefix)).toMatchObject({ id: two.id });
    });
  });

  it('says which ids a short prefix may mean', async () => {
    await withStore(async (store) => {
      // Seventeen ids have two with the same first digit.
      for (let n = 0; n < 17; n += 1) await makeTinyImage(store, { layers: [{ n: String(n) }] });
      const first = (await store.images.list()).map(({ id }) => id[7] ?? '');
      const twice = first.find((digit, index) => first.indexOf(digit) !== index) ?? '';
      await expect(resolveImage(store, twice)).rejects.toMatchObject({
        code: 'IMAGE_NOT_FOUND',
        message: `the id prefix ${twice} belongs to several images`,
      });
    });
  });

  it.each([
    ['ap:latest', 'did you mean app:latest?'],
    ['aqp', 'did you mean app:latest?'],
    ['app:latets', 'did you mean app:latest?'],
    ['quite-different', 'tsbuild images lists what there is'],
  ])('C-70 suggests the name that was meant: %s', async (name, hint) => {
    await withStore(async (store) => {
      await makeTinyImage(store, { name: app });
      await expect(resolveImage(store, name)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND', hint });
    });
  });

  it.each(['App', 'app:', 'a b', '../x', ''])('refuses the malformed name %j', async (name) => {
    await withStore(async (store) => {
      await expect(resolveImage(store, name)).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
    });
  });
});

describe('loadImage', () => {
  it.each(['none', 'gzip', 'zstd'] as const)(
    'S-58 opens %s layers plain and as stored',
    async (compression) => {
      await withStore(async (store) => {
        const files = { hello: 'hi\n' };
        await makeTinyImage(store, { name: app, compression, layers: [files] });
        const [layer] = (await loadImage(store, 'app')).layers;
        expect(await collectBytes(await layer!.open())).toEqual(tinyTar(files));
        const stored = await collectBytes(await layer!.openCompressed());
        expect(digestOf(stored)).toBe(layer!.descriptor.digest);
      });
    },
  );

  it('S-58 fails at the end of a layer that is not what its diff id names', async () => {
    await withStore(async (store) => {
      const { layers } = await makeTinyImage(store, { compression: 'gzip' });
      const manifest = await rewriteConfig(store, { diffId: digestOf('another') });
      const [layer] = (await loadImage(store, manifest)).layers;
      expect(layer!.descriptor.digest).toBe(layers[0]!.descriptor.digest);
      await expect(collectBytes(await layer!.open())).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });

      async function rewriteConfig(_store: typeof store, { diffId }: { diffId: string }) {
        const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [diffId] } };
        const blob = await store.blobs.put(Buffer.from(JSON.stringify(config)));
        const type = 'application/vnd.oci.image.config.v1+json';
        const body = {
          schemaVersion: 2,
          config: { mediaType: type, ...blob },
          layers: [layers[0]!.descriptor],
        };
        const mediaType = 'application/vnd.oci.image.manifest.v1+json';
        return { mediaType, ...(await store.blobs.put(Buffer.from(JSON.stringify(body)))) };
      }
    });
  });

  it('S-58 refuses a config with another number of layers than the manifest', async () => {
    await withStore(async (store) => {
      const { manifest } = await makeTinyImage(store, { layers: [{ a: '' }, { b: '' }] });
      const body = JSON.parse((await store.blobs.read(manifest.digest)).toString()) as { layers: unknown[] };
      body.layers.pop();
      const cut = { ...manifest, ...(await store.blobs.put(Buffer.from(JSON.stringify(body)))) };
      await expect(loadImage(store, cut)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    });
  });
});

describe('names', () => {
  it('C-70 tags, lists and untags; the image goes with its last name', async () => {
    await withStore(async (store) => {
      const { id } = await makeTinyImage(store, { name: app });
      expect(await tagImage(store, 'app', 'example.com/team/app:1.0')).toBe('example.com/team/app:1.0');
      expect(await listImages(store)).toMatchObject([{ id, names: [app, 'example.com/team/app:1.0'] }]);
      const second = 'example.com/team/app:1.0';
      expect(await removeImage(store, 'app')).toEqual({ untagged: [app], deleted: [] });
      expect(await listImages(store)).toMatchObject([{ id, names: [second] }]);
      expect(await removeImage(store, second)).toEqual({ untagged: [second], deleted: [id] });
      expect(await listImages(store)).toEqual([]);
    });
  });

  it('C-70 a name moves to the image tagged last, and the other stays without a name', async () => {
    await withStore(async (store) => {
      const one = await makeTinyImage(store, { name: app });
      const two = await makeTinyImage(store, { layers: [{ other: '' }] });
      await tagImage(store, two.id, 'app');
      const rows = new Map((await listImages(store)).map((row) => [row.id, row.names]));
      expect(rows).toEqual(
        new Map([
          [one.id, []],
          [two.id, [app]],
        ]),
      );
    });
  });

  it('refuses a name with a digest', async () => {
    await withStore(async (store) => {
      const { id } = await makeTinyImage(store);
      await expect(tagImage(store, id, `app@${id}`)).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
    });
  });

  it('C-70 refuses to remove an id with several names, unless forced', async () => {
    await withStore(async (store) => {
      const { id } = await makeTinyImage(store, { name: app });
      await tagImage(store, id, 'app:2');
      await expect(removeImage(store, id)).rejects.toMatchObject({ code: 'IMAGE_IN_USE' });
      const untagged = ['docker.io/library/app:2', app];
      expect(await removeImage(store, id.slice(7, 19), { force: true })).toEqual({ untagged, deleted: [id] });
    });
  });

  const stopped: ImageUse = { by: 'container abc', running: false };
  const running: ImageUse = { by: 'container abc (running)', running: true };
  it.each([
    [undefined, false, true],
    [stopped, false, false],
    [stopped, true, true],
    [running, false, false],
    [running, true, false],
  ])('C-70 used by %j, force %j: removed %j', async (use, force, removed) => {
    await withStore(async (store) => {
      const { id } = await makeTinyImage(store, { name: app });
      const removing = removeImage(store, 'app', { force, inUse: async () => use });
      if (removed) expect(await removing).toEqual({ untagged: [app], deleted: [id] });
      else
        await expect(removing).rejects.toMatchObject({
          code: 'IMAGE_IN_USE',
          message: `cannot remove app: it is used by ${use?.by ?? ''}`,
        });
    });
  });

  it('a name that is not the last is taken away even from an image in use', async () => {
    await withStore(async (store) => {
      const { id } = await makeTinyImage(store, { name: app });
      await tagImage(store, id, 'app:2');
      const inUse = async (): Promise<ImageUse> => running;
      expect(await removeImage(store, 'app:2', { inUse })).toMatchObject({ deleted: [] });
    });
  });

  it('forgets the digests of a repository with its last name', async () => {
    await withStore(async (store) => {
      const { id, manifest } = await makeTinyImage(store, { name: app });
      await tagImage(store, id, 'example.com/app:1');
      const repoDigests = [`docker.io/library/app@${manifest.digest}`, `example.com/app@${manifest.digest}`];
      await store.images.put({ id, manifest, added: '2020', repoDigests });
      await removeImage(store, 'example.com/app:1');
      expect((await store.images.get(id))?.repoDigests).toEqual([repoDigests[0]]);
    });
  });

  it('lists an image whose manifest has vanished, without details', async () => {
    await withStore(async (store) => {
      const { id, manifest } = await makeTinyImage(store, { name: app });
      await store.blobs.delete(manifest.digest);
      expect(await listImages(store)).toMatchObject([{ id, names: [], size: 0, platform: undefined }]);
      await expect(loadImage(store, id)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    });
  });
});

describe('what is shown of an image', () => {
  it('C-70 history is told from the newest entry down, each with its layer', async () => {
    await withStore(async (store) => {
      await makeTinyImage(store, { name: app, layers: [{ a: '1' }, { b: '2' }] });
      const image = await loadImage(store, 'app');
      const [a, b] = image.layers;
      expect(imageHistory(image)).toMatchObject([
        { id: image.id, createdBy: 'layer 1', layer: b, size: b!.descriptor.size },
        { id: undefined, createdBy: 'layer 0', layer: a, size: a!.descriptor.size },
      ]);
      const { history, ...silent } = image.config;
      expect(history).toHaveLength(2);
      expect(imageHistory({ ...image, config: silent }).map((row) => row.layer)).toEqual([b, a]);
    });
  });

  it('C-70 inspect shows what docker shows', async () => {
    await withStore(async (store) => {
      const { id, layers, manifest } = await makeTinyImage(store, { name: app, config: { Cmd: ['sh'] } });
      const repoDigests = [`docker.io/library/app@${manifest.digest}`];
      expect(inspectImage(await loadImage(store, id), { names: [app], repoDigests })).toMatchObject({
        Id: id,
        RepoTags: ['app:latest'],
        RepoDigests: [`app@${manifest.digest}`],
        Architecture: 'amd64',
        Os: 'linux',
        Config: { Cmd: ['sh'] },
        RootFS: { Type: 'layers', Layers: [layers[0]!.diffId] },
      });
    });
  });
});
