import { expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { formatReference, mediaTypes, parsePlatform, parseReference } from '../../src/oci/index.ts';
import { LayerFetcher } from '../../src/remote-cache/fetch.ts';
import { openSource, type BlobReader, type CacheSource } from '../../src/remote-cache/source.ts';
import { deferred } from '../support/deferred.ts';
import { makeTinyIndex } from '../support/tiny-index.ts';
import { withStore } from '../support/with-store.ts';

it('O-16 a folder that lacks one of several platforms serves the others', async () => {
  await withStore(async (store) => {
    const name = formatReference(parseReference('app:1'));
    await makeTinyIndex(store, ['linux/amd64', 'linux/arm64'], { name });
    await store.settle();
    const source = openSource({ kind: 'local', src: store.layout, tag: '1' }, {});
    const read = (...platforms: readonly string[]): Promise<unknown> =>
      source.read(platforms.map(parsePlatform));
    // That its image for amd64 has no cache is found by looking into it.
    await expect(read('linux/s390x', 'linux/amd64')).rejects.toThrow('without an inline cache');
    await expect(read('linux/s390x')).rejects.toMatchObject({ code: 'PLATFORM_MISMATCH' });
  });
});

it('O-16 who waited for a layer that another source had damaged takes it from its own', async () => {
  await withStore(async (store) => {
    await using lease = await store.lease();
    const bytes = Buffer.from('a layer\n');
    const digest = digestOf(bytes);
    const layer = {
      diffId: digest,
      created: { by: 'test' },
      blob: { mediaType: mediaTypes.layer, digest, size: bytes.length },
    } as unknown as Parameters<LayerFetcher['fetch']>[0][number];
    const begun = deferred();
    const waited = deferred();
    const source = (name: string, read: BlobReader): CacheSource => ({
      ...{ name, reference: undefined, read: () => Promise.resolve([]) },
      blobs: (task) => task(read),
    });
    const bad = source('bad', async function* () {
      begun.resolve();
      await waited.promise;
      yield Buffer.from('another');
    });
    const good = source('good', async function* () {
      yield bytes;
    });
    const fetcher = new LayerFetcher({ store, lease, bases: new Map() });
    const first = fetcher.fetch([layer], bad);
    await begun.promise;
    const second = fetcher.fetch([layer], good);
    waited.resolve();
    await expect(first).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect((await second)[0]?.descriptor.digest).toBe(digest);
  });
});
