import { describe, expect, it } from 'vitest';

import {
  findImage,
  imagesOf,
  loadArchive,
  nameTarget,
  removeImage,
  saveArchive,
  writeIndex,
} from '../../src/image/index.ts';
import type { Descriptor } from '../../src/oci/index.ts';
import { collectGarbage, type Store } from '../../src/store/index.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

const entries = 200;

/** An index whose entries all are one index, whose entries all are one index: eight million images, were each looked at. */
async function bomb(store: Store): Promise<Descriptor> {
  let manifest: Descriptor = (await makeTinyImage(store)).manifest;
  for (let depth = 0; depth < 3; depth += 1) {
    const own = manifest;
    const distinct = Array.from({ length: entries }, (_, at) => ({
      manifest: own,
      annotations: { at: String(at) },
    }));
    manifest = await writeIndex(store, distinct);
  }
  return manifest;
}

describe('an index of one index many times over', () => {
  it('S-51 is looked into once', async () => {
    await withStore(async (store) => {
      const index = await bomb(store);
      expect((await imagesOf(store, index)).length).toBeLessThanOrEqual(entries);
      await nameTarget(store, index, 'app');
      expect(await findImage(store, 'app')).toMatchObject({ index });
      await collectGarbage(store, { liveItems: () => [] });
      expect((await removeImage(store, 'app')).deleted).toHaveLength(1);
    });
  });

  it('S-51 S-55 is saved and loaded once', async () => {
    await withStore(async (store) => {
      await nameTarget(store, await bomb(store), 'app');
      const parts: Buffer[] = [];
      await saveArchive(store, ['app'], async (chunk) => void parts.push(Buffer.from(chunk)), {
        format: 'oci',
      });
      const archive = Buffer.concat(parts);
      expect(archive.length).toBeLessThan(2 ** 20);
      await withStore(async (other) => {
        const loaded = await loadArchive(
          other,
          (async function* () {
            yield archive;
          })(),
        );
        expect(loaded.map(({ id }) => id)).toEqual((await other.images.list()).map(({ id }) => id));
      });
    });
  });
});
