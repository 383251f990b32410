import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf, type Digest } from '../../src/core/index.ts';
import { mediaTypes, validateImage } from '../../src/oci/index.ts';
import { collectGarbage, openStore, type LeasedItem, type Store } from '../../src/store/index.ts';
import { storeProcess } from '../support/store-process.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage } from '../support/tiny-image.ts';

const name = 'docker.io/library/tiny:latest';
const nothing = { liveItems: () => [] };

async function withStore(body: (store: Store) => Promise<void>): Promise<void> {
  using folder = tempFolder('collect');
  await using store = await openStore(folder.path);
  await body(store);
  expect(readdirSync(join(store.root, 'trash'))).toEqual([]);
}

async function digestsIn(store: Store): Promise<Digest[]> {
  const digests: Digest[] = [];
  for await (const digest of store.blobs.list()) digests.push(digest);
  return digests.sort();
}

function makeSnapshot(store: Store, id: string): string {
  const path = join(store.snapshots, id);
  mkdirSync(join(path, 'fs/deep'), { recursive: true });
  writeFileSync(join(path, 'fs/deep/file'), 'x');
  return path;
}

describe('collecting garbage', () => {
  it('keeps all of a named image, takes the rest and says how much', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store, { name, layers: [{ a: '1' }, { b: '2' }] });
      const lost = await store.blobs.put(Buffer.alloc(1000));
      makeSnapshot(store, 'abcdefghij');
      expect(await collectGarbage(store, nothing)).toEqual({ blobs: 1, snapshots: 1, bytes: 1000 });
      expect(await store.blobs.stat(lost.digest)).toBeUndefined();
      expect(readdirSync(store.snapshots)).toEqual([]);
      expect(await validateImage(store.blobs, image.manifest)).toEqual([]);
      expect(await collectGarbage(store, nothing)).toEqual({ blobs: 0, snapshots: 0, bytes: 0 });
    });
  });

  it('keeps an image without a name until its record goes', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store);
      await collectGarbage(store, nothing);
      expect(await validateImage(store.blobs, image.manifest)).toEqual([]);
      await store.images.delete(image.id);
      expect(await collectGarbage(store, nothing)).toMatchObject({ blobs: 3 });
      expect(await digestsIn(store)).toEqual([]);
    });
  });

  it('keeps all images of a named index, as far as they are here', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store);
      await store.images.delete(image.id);
      const absent = { mediaType: mediaTypes.manifest, digest: digestOf('elsewhere'), size: 9 };
      const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [absent, image.manifest] };
      const target = {
        mediaType: mediaTypes.index,
        ...(await store.blobs.put(Buffer.from(JSON.stringify(index)))),
      };
      await store.refs.set({ name, target });
      expect(await collectGarbage(store, nothing)).toMatchObject({ blobs: 0 });
      expect(await validateImage(store.blobs, image.manifest)).toEqual([]);
    });
  });

  it('takes a layer that another image still has only with the last of them', async () => {
    await withStore(async (store) => {
      const shared = { shared: 'x' };
      const one = await makeTinyImage(store, { layers: [shared, { a: '1' }] });
      const two = await makeTinyImage(store, { layers: [shared, { b: '2' }] });
      await store.images.delete(one.id);
      expect(await collectGarbage(store, nothing)).toMatchObject({ blobs: 3 });
      expect(await validateImage(store.blobs, two.manifest)).toEqual([]);
    });
  });

  it('keeps what the caller names: blobs with all they name, and snapshots', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store);
      await store.images.delete(image.id);
      const kept = makeSnapshot(store, 'aaaaaaaaaa');
      makeSnapshot(store, 'bbbbbbbbbb');
      async function* liveItems(): AsyncIterable<LeasedItem> {
        yield { blob: image.manifest.digest };
        yield { snapshot: 'aaaaaaaaaa' };
      }
      expect(await collectGarbage(store, { liveItems })).toEqual({ blobs: 0, snapshots: 1, bytes: 0 });
      expect(existsSync(join(kept, 'fs/deep/file'))).toBe(true);
    });
  });

  it('leaves alone what is no snapshot in the folder of the snapshots', async () => {
    await withStore(async (store) => {
      writeFileSync(join(store.snapshots, 'flavour.json'), '{}');
      await collectGarbage(store, nothing);
      expect(readdirSync(store.snapshots)).toEqual(['flavour.json']);
    });
  });

  it('a damaged manifest does not stop it', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store, { name });
      writeFileSync(store.blobs.path(image.manifest.digest), '{"layers":');
      await collectGarbage(store, nothing);
      expect(await store.refs.get(name)).toBeDefined();
    });
  });
});

describe('S-71 collecting while others work', () => {
  it('keeps what a lease of another process names, with all that it names', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store);
      await store.images.delete(image.id);
      makeSnapshot(store, 'aaaaaaaaaa');
      await store.blobs.put(Buffer.from('lost'));
      await waitBeyondSlack();
      await using blobs = storeProcess(store.root, 'lease', JSON.stringify({ blob: image.manifest.digest }));
      await using snapshots = storeProcess(store.root, 'lease', JSON.stringify({ snapshot: 'aaaaaaaaaa' }));
      expect([await blobs.line(), await snapshots.line()]).toEqual(['leased', 'leased']);
      expect(await collectGarbage(store, nothing)).toMatchObject({ blobs: 1, snapshots: 0 });
      expect(await validateImage(store.blobs, image.manifest)).toEqual([]);

      await blobs.kill();
      expect(await snapshots.finish()).toBe(0);
      expect(await collectGarbage(store, nothing)).toMatchObject({ blobs: 3, snapshots: 1 });
      // What the dead one left elsewhere is found by its lease.
      const left = readdirSync(join(store.root, 'leases'));
      expect(left).toHaveLength(1);
      await store.afterDeaths(async (leases) => expect(leases).toEqual(left));
      expect(readdirSync(join(store.root, 'leases'))).toEqual([]);
    });
  });

  it('keeps everything that was made after the oldest live lease began', async () => {
    await withStore(async (store) => {
      await using holder = storeProcess(store.root, 'lease', JSON.stringify({ blob: digestOf('x') }));
      expect(await holder.line()).toBe('leased');
      const { digest } = await store.blobs.put(Buffer.from('made by a worker of that build'));
      makeSnapshot(store, 'aaaaaaaaaa');
      expect(await collectGarbage(store, nothing)).toMatchObject({ blobs: 0, snapshots: 0 });
      await holder.kill();
      expect(await collectGarbage(store, nothing)).toMatchObject({ blobs: 1, snapshots: 1 });
      expect(await store.blobs.stat(digest)).toBeUndefined();
    });
  });

  it('keeps what this store puts under a lease, be it old and there already', async () => {
    await withStore(async (store) => {
      const bytes = Buffer.from('old');
      const { digest } = await store.blobs.put(bytes);
      await waitBeyondSlack();
      await using lease = await store.lease();
      expect(lease).toBeDefined();
      await store.blobs.put(bytes);
      expect(await collectGarbage(store, nothing)).toMatchObject({ blobs: 0 });
      expect(await store.blobs.read(digest)).toEqual(bytes);
    });
  });

  it('puts back what was leased after it had looked, and what was named after that', async () => {
    await withStore(async (store) => {
      const leased = await store.blobs.put(Buffer.from('leased'));
      const image = await makeTinyImage(store);
      await store.images.delete(image.id);
      await waitBeyondSlack();
      let pass = 0;
      const stack = new AsyncDisposableStack();
      await using _stack = stack;
      const liveItems = async function* (): AsyncIterable<LeasedItem> {
        pass += 1;
        // Between the first look at the leases and the move to the trash, as another process would.
        if (pass === 1) {
          const lease = stack.use(await store.lease());
          await lease.keep({ blob: leased.digest });
          expect(await store.blobs.stat(leased.digest)).toBeDefined();
          await store.refs.set({ name, target: image.manifest });
        } else {
          expect(await store.blobs.stat(leased.digest)).toBeUndefined();
        }
        yield* [];
      };
      expect(await collectGarbage(store, { liveItems })).toEqual({ blobs: 0, snapshots: 0, bytes: 0 });
      expect(pass).toBe(2);
      expect(await store.blobs.stat(leased.digest)).toBeDefined();
      expect(await validateImage(store.blobs, image.manifest)).toEqual([]);
    });
  });

  it('a blob that was put again meanwhile stays', async () => {
    await withStore(async (store) => {
      const { digest } = await store.blobs.put(Buffer.from('again'));
      const stack = new AsyncDisposableStack();
      await using _stack = stack;
      let pass = 0;
      const liveItems = async function* (): AsyncIterable<LeasedItem> {
        pass += 1;
        if (pass === 2) {
          stack.use(await store.lease());
          await store.blobs.put(Buffer.from('again'));
        }
        yield* [];
      };
      await collectGarbage(store, { liveItems });
      expect(await store.blobs.read(digest)).toEqual(Buffer.from('again'));
    });
  });

  it('S-70 what a killed collector had moved aside comes back before anything is decided', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store, { name });
      makeSnapshot(store, 'aaaaaaaaaa');
      renameSync(store.blobs.path(image.id), join(store.root, 'trash', image.id));
      renameSync(join(store.snapshots, 'aaaaaaaaaa'), join(store.root, 'trash/aaaaaaaaaa'));
      const liveItems = () => [{ snapshot: 'aaaaaaaaaa' }];
      expect(await collectGarbage(store, { liveItems })).toEqual({ blobs: 0, snapshots: 0, bytes: 0 });
      expect(await validateImage(store.blobs, image.manifest)).toEqual([]);
      expect(readdirSync(store.snapshots)).toEqual(['aaaaaaaaaa']);
    });
  });

  it('a caller that fails costs nothing', async () => {
    await withStore(async (store) => {
      const { digest } = await store.blobs.put(Buffer.from('x'));
      let pass = 0;
      const liveItems = (): LeasedItem[] => {
        pass += 1;
        if (pass === 2) throw new Error('cannot read the containers');
        return [];
      };
      await expect(collectGarbage(store, { liveItems })).rejects.toThrow('cannot read the containers');
      expect(await store.blobs.read(digest)).toEqual(Buffer.from('x'));
    });
  });

  it.each(['../x', 'a/b', '', 'a\nblob sha256:0'])(
    'S-43 a lease takes no snapshot called %j',
    async (snapshot) => {
      await withStore(async (store) => {
        await using lease = await store.lease();
        await expect(lease.keep({ snapshot })).rejects.toThrow('not the name of a snapshot');
      });
    },
  );
});

/** Files made up to a second before a lease count as made after it, whatever the file system's clock tick. */
function waitBeyondSlack(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1200));
}
