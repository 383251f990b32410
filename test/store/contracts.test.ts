import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { mediaTypes } from '../../src/oci/index.ts';
import { openStore, type ImageRecord, type Store } from '../../src/store/index.ts';
import { describeBlobStore } from '../support/blobstore-suite.ts';
import { describeRecordStore } from '../support/recordstore-suite.ts';
import { describeRefStore } from '../support/refstore-suite.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function freshStore(): Promise<Store> {
  return openStore(tempFolder('store').path);
}

describeBlobStore('files', async () => {
  const store = await freshStore();
  return {
    blobs: store.blobs,
    leftovers: () =>
      readdirSync(join(store.root, 'tmp'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        /\/\d+$/.test(name),
      ),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
});

describeRefStore('files', freshStore);
describeRecordStore('files', freshStore);

describe('image records', () => {
  const image = (text: string): ImageRecord => ({
    id: digestOf(text),
    manifest: { mediaType: mediaTypes.manifest, digest: digestOf(`${text} manifest`), size: 3 },
    added: '2026-01-02T03:04:05.000Z',
    repoDigests: [`docker.io/library/app@${digestOf(text)}`],
  });

  it('puts, replaces, lists and deletes', async () => {
    await using store = await freshStore();
    const { images } = store;
    const [a, b] = [image('a'), image('b')];
    expect(await images.get(a.id)).toBeUndefined();
    expect(await images.delete(a.id)).toBe(false);
    await images.put({ ...a, repoDigests: [] });
    await images.put(a);
    await images.put(b);
    expect(await images.get(a.id)).toEqual(a);
    expect(await images.list()).toHaveLength(2);
    expect(await images.list()).toEqual(expect.arrayContaining([a, b]));
    expect(await images.delete(a.id)).toBe(true);
    expect(await images.list()).toEqual([b]);
  });

  it('S-43 S-55 takes only digests', async () => {
    await using store = await freshStore();
    const hostile = { ...image('a'), id: 'sha256:../../x' as ImageRecord['id'] };
    await expect(store.images.put(hostile)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    await expect(store.images.get(hostile.id)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    await expect(store.images.delete(hostile.id)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
  });
});
