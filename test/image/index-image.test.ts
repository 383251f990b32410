import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  findImage,
  listImages,
  readIndex,
  removeImage,
  tagImage,
  writeIndex,
} from '../../src/image/index.ts';
import { mediaTypes, parseIndex, parsePlatform } from '../../src/oci/index.ts';
import { collectGarbage, type Store } from '../../src/store/index.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { makeTinyIndex } from '../support/tiny-index.ts';
import { withStore } from '../support/with-store.ts';

const app = 'docker.io/library/app:latest';
const platforms = ['linux/arm/v7', 'linux/amd64', 'linux/arm64'];

const collect = async (store: Store) => collectGarbage(store, { liveItems: () => [] });

describe('an index in the store', () => {
  it('O-30 O-31 has one manifest for each platform, in the order given, the platforms in one spelling', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store);
      const written = ['linux/aarch64', 'linux/x86_64', 'linux/arm', 'linux/arm64/v8'];
      const entries = written.map((text) => ({ manifest: image.manifest, platform: parsePlatform(text) }));
      const descriptor = await writeIndex(store, entries, { note: 'yes' });
      expect(await writeIndex(store, entries, { note: 'yes' })).toEqual(descriptor);
      const index = parseIndex(await store.blobs.read(descriptor.digest), descriptor.mediaType);
      expect(index).toMatchObject({
        schemaVersion: 2,
        mediaType: mediaTypes.index,
        annotations: { note: 'yes' },
      });
      expect(index.manifests.map(({ platform }) => platform)).toEqual([
        { os: 'linux', architecture: 'arm64' },
        { os: 'linux', architecture: 'amd64' },
        { os: 'linux', architecture: 'arm', variant: 'v7' },
        { os: 'linux', architecture: 'arm64' },
      ]);
    });
  });

  it('O-30 is found by its name and digest: this machine’s image of it, or that of the platform asked for', async () => {
    await withStore(async (store) => {
      const { images, descriptor } = await makeTinyIndex(store, platforms, { name: app });
      const own = { id: images.get('linux/amd64')?.id, index: descriptor };
      for (const way of ['app', descriptor.digest, `app@${descriptor.digest}`])
        expect(await findImage(store, way), way).toMatchObject(own);
      for (const [text, { id }] of images)
        expect(await findImage(store, 'app', { platform: parsePlatform(text) })).toMatchObject({ id });
      expect(await findImage(store, 'app', { platform: parsePlatform('linux/s390x') })).toBeUndefined();
      expect((await readIndex(store, descriptor))?.index.manifests).toHaveLength(3);
      const rows = (await listImages(store)).map(({ names, platform }) => [names, platform?.architecture]);
      expect(rows).toEqual(expect.arrayContaining(['arm', 'amd64', 'arm64'].map((arch) => [[app], arch])));
      expect(rows).toHaveLength(3);
    });
  });

  it('O-30 of other platforms alone it is the first that is meant', async () => {
    await withStore(async (store) => {
      const { images } = await makeTinyIndex(store, ['linux/s390x', 'linux/ppc64le'], { name: app });
      expect(await findImage(store, 'app')).toMatchObject({ id: images.get('linux/s390x')?.id });
    });
  });

  it('O-30 is kept with all its images by a name, and gone without one', async () => {
    await withStore(async (store) => {
      const { images, descriptor } = await makeTinyIndex(store, platforms, { name: app });
      for (const { id } of images.values()) await store.images.delete(id);
      const blobs = [descriptor.digest];
      for (const { id, manifest, layers } of images.values())
        blobs.push(id, manifest.digest, ...layers.map((layer) => layer.descriptor.digest));
      const here = () => blobs.filter((digest) => existsSync(store.blobs.path(digest)));
      await collect(store);
      expect(here()).toEqual(blobs);
      await store.refs.delete(app);
      await collect(store);
      expect(here()).toEqual([]);
    });
  });
});

describe('names of an index', () => {
  it('C-70 tag names the index, not one image of it', async () => {
    await withStore(async (store) => {
      const { descriptor } = await makeTinyIndex(store, platforms, { name: app });
      await tagImage(store, 'app', 'other:1');
      expect((await store.refs.get('docker.io/library/other:1'))?.target).toEqual(descriptor);
      await tagImage(store, descriptor.digest, 'third');
      expect((await store.refs.get('docker.io/library/third:latest'))?.target).toEqual(descriptor);
    });
  });

  it('C-70 rmi takes the name, and with the last one all images that have no other', async () => {
    await withStore(async (store) => {
      const { images } = await makeTinyIndex(store, platforms, { name: app });
      const ids = [...images.values()].map(({ id }) => id);
      const amd64 = images.get('linux/amd64')?.id ?? '';
      await tagImage(store, 'app', 'other');
      await tagImage(store, amd64, 'single');
      expect(await removeImage(store, 'app')).toEqual({ untagged: [app], deleted: [] });
      expect(await store.images.list()).toHaveLength(3);
      expect(await removeImage(store, 'other')).toEqual({
        untagged: ['docker.io/library/other:latest'],
        deleted: ids.filter((id) => id !== amd64),
      });
      expect((await store.images.list()).map(({ id }) => id)).toEqual([amd64]);
      expect(await findImage(store, 'single')).toEqual({
        id: amd64,
        manifest: images.get('linux/amd64')?.manifest,
        name: 'docker.io/library/single:latest',
      });
    });
  });

  it('C-70 rmi refuses an image of an index by its id, and one that a container uses', async () => {
    await withStore(async (store) => {
      const { images } = await makeTinyIndex(store, platforms, { name: app });
      const arm64 = images.get('linux/arm64')?.id ?? '';
      await expect(removeImage(store, arm64)).rejects.toMatchObject({
        code: 'IMAGE_IN_USE',
        message: `the image ${arm64.slice(7, 19)} is part of app:latest`,
      });
      const inUse = async (id: string) => (id === arm64 ? { by: 'container x', running: true } : undefined);
      await expect(removeImage(store, 'app', { inUse })).rejects.toMatchObject({ code: 'IMAGE_IN_USE' });
      expect(await store.refs.get(app)).toBeDefined();
      expect(await removeImage(store, arm64, { force: true })).toEqual({ untagged: [app], deleted: [arm64] });
    });
  });
});

describe('other tools', () => {
  it('O-30 O-40 skopeo and umoci pick the image of a platform out of the store’s own layout', async () => {
    requires('tool:skopeo', 'tool:umoci');
    await withStore(async (store) => {
      const { descriptor, images } = await makeTinyIndex(store, platforms, { name: app });
      const source = `oci:${store.layout}:app:latest`;
      const raw = await runCommand(['skopeo', 'inspect', '--raw', source]);
      expect(raw.stdout).toBe((await store.blobs.read(descriptor.digest)).toString());
      for (const [text, { id }] of images) {
        const [, arch = '', variant] = text.split('/');
        const flags = [
          '--override-arch',
          arch,
          ...(variant === undefined ? [] : ['--override-variant', variant]),
        ];
        const config = await runCommand(['skopeo', ...flags, 'inspect', '--config', '--raw', source]);
        expect(config.stdout).toBe((await store.blobs.read(id as never)).toString());
      }
      await using folder = await store.tempDir();
      const to = `oci:${join(folder.path, 'copy')}:app`;
      const copied = await runCommand(['skopeo', '--insecure-policy', 'copy', '--all', source, to]);
      expect(copied).toMatchObject({ status: 0 });
      const tags = await runCommand(['umoci', 'ls', '--layout', store.layout]);
      expect(tags.stdout).toContain('app:latest');
    });
  });
});
