import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { importTarball, loadImage } from '../../src/image/index.ts';
import { validateImage } from '../../src/oci/index.ts';
import { collectBytes } from '../support/collect.ts';
import { makeTar, streamOf } from '../support/make-tar.ts';
import { tinyTar } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

const created = '2024-01-01T00:00:00Z';
const rootfs = makeTar([
  { path: './', type: 'directory' },
  { path: './etc/passwd', body: 'root:x:0:0::/:/bin/sh\n' },
  { path: './dev/null', type: 'char', device: [1, 3] },
]);

describe('importTarball', () => {
  it.each([
    ['plain', rootfs],
    ['gzip', gzipSync(rootfs)],
  ])('C-73 makes a %s tar one layer, byte for byte', async (_name, bytes) => {
    await withStore(async (store) => {
      const options = { name: 'base:1', config: { Cmd: ['sh'] }, created };
      const image = await importTarball(store, streamOf(bytes, 700), options);
      expect(await validateImage(store.blobs, image.descriptor)).toEqual([]);
      expect(image.layers.map((layer) => layer.diffId)).toEqual([digestOf(rootfs)]);
      expect(await collectBytes(await image.layers[0]!.open())).toEqual(rootfs);
      expect(await loadImage(store, 'base:1')).toMatchObject({
        id: image.id,
        config: { created, config: { Cmd: ['sh'] }, history: [{ created, comment: 'Imported from -' }] },
      });
    });
  });

  it('C-73 gives the same image for the same tar and time', async () => {
    const imported = async (): Promise<string> =>
      withStore(async (store) => (await importTarball(store, streamOf(rootfs), { created })).digest);
    expect(await imported()).toBe(await imported());
  });

  it.each([
    ['text', Buffer.from('hello '.repeat(200))],
    ['a cut tar', tinyTar({ a: 'x'.repeat(5000) }).subarray(0, 3000)],
    [
      'a tar with a bad checksum',
      Buffer.concat([rootfs.subarray(0, 512), Buffer.alloc(512, 1), rootfs.subarray(512)]),
    ],
    ['a cut gzip', gzipSync(rootfs).subarray(0, 100)],
  ])('S-50 C-73 refuses %s', async (_name, bytes) => {
    await withStore(async (store) => {
      const importing = importTarball(store, streamOf(bytes), { name: 'base:1' });
      await expect(importing).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
      expect(await store.refs.list()).toEqual([]);
    });
  });

  it('refuses a malformed name before it reads anything', async () => {
    await withStore(async (store) => {
      const untouched = {
        [Symbol.asyncIterator]: () => {
          throw new Error('read');
        },
      };
      await expect(importTarball(store, untouched, { name: 'A' })).rejects.toMatchObject({
        code: 'REFERENCE_INVALID',
      });
    });
  });
});
