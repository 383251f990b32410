import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { canonicalJson, type Json } from '../../src/core/index.ts';
import { mediaTypes } from '../../src/oci/index.ts';
import { openStore, type Ref, type Store } from '../../src/store/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

const name = 'docker.io/library/app:latest';
const bytesOf = (value: Json): Buffer => Buffer.from(canonicalJson(value));

/** The name of an image that has one layer, and of which all is in the store. */
async function named(store: Store, text: string): Promise<Ref> {
  const config = await store.blobs.put(bytesOf({ text }));
  const layer = await store.blobs.put(Buffer.from(text));
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...config },
    layers: [{ mediaType: mediaTypes.layer, ...layer }],
  };
  const ref = {
    name,
    target: { mediaType: mediaTypes.manifest, ...(await store.blobs.put(bytesOf(manifest))) },
  };
  await store.refs.set(ref);
  return ref;
}

/** A file system without ordered data may show the bytes of a file that was removed. */
function textOfAnother(file: string): string {
  return readFileSync(file, 'utf8').replace(name, 'docker.io/library/other:latest');
}

/** What the store's files say when the machine starts again; those of the running boot are of another one then. */
function reboot({ root }: Store): void {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  const other = '11111111-1111-4111-8111-111111111111';
  for (const folder of ['refs', 'settled']) {
    for (const file of readdirSync(join(root, folder))) {
      const path = join(root, folder, file);
      writeFileSync(path, readFileSync(path, 'latin1').replace(boot, other));
      if (file.startsWith(boot)) writeFileSync(path.replace(boot, other), readFileSync(path));
    }
  }
}

describe('S-70 a name that was given anew right before a power loss', () => {
  const manifestOf = (store: Store, { target }: Ref): string => store.blobs.path(target.digest);
  const childOf = (store: Store, ref: Ref, part: 'config' | 'layers'): string => {
    const { config, layers } = JSON.parse(readFileSync(manifestOf(store, ref), 'utf8')) as {
      readonly config: Ref['target'];
      readonly layers: readonly [Ref['target']];
    };
    return store.blobs.path((part === 'config' ? config : layers[0]).digest);
  };

  it.each<[string, 'new' | 'old', (store: Store, ref: Ref, file: string) => void]>([
    ['nothing of it is lost', 'new', () => undefined],
    ['its manifest is damaged', 'old', (store, ref) => writeFileSync(manifestOf(store, ref), '{')],
    ['its config is damaged', 'old', (store, ref) => writeFileSync(childOf(store, ref, 'config'), '{')],
    ['its layer is cut short', 'old', (store, ref) => writeFileSync(childOf(store, ref, 'layers'), '')],
    ['its file is empty', 'old', (_store, _ref, file) => writeFileSync(file, '')],
    ['its file is cut short', 'old', (_store, _ref, file) => writeFileSync(file, '{"at":1')],
    ['its file holds another name', 'old', (_store, _ref, file) => writeFileSync(file, textOfAnother(file))],
  ])('when %s it means the %s image', async (_name, expected, damage) => {
    using folder = tempFolder('slots');
    await using store = await openStore(folder.path);
    const old = await named(store, 'old');
    await store.settle();
    const before = readdirSync(join(store.root, 'refs'));
    const young = await named(store, 'new');
    expect(await store.refs.get(name)).toEqual(young);
    const [file = ''] = readdirSync(join(store.root, 'refs')).filter((each) => !before.includes(each));
    reboot(store);
    damage(store, young, join(store.root, 'refs', file));
    const means = expected === 'new' ? young : old;
    await using later = await openStore(folder.path);
    expect(await later.refs.get(name)).toEqual(means);
    expect(await later.refs.list()).toEqual([means]);
    // Given again, it is what it was to be.
    expect(await named(later, 'new')).toEqual(young);
    expect(await later.refs.get(name)).toEqual(young);
    expect(await later.refs.list()).toEqual([young]);
  });

  it('means the old image when nothing is left of those that the new index names', async () => {
    using folder = tempFolder('slots');
    await using store = await openStore(folder.path);
    const old = await named(store, 'old');
    await store.settle();
    const { target } = await named(store, 'new');
    const index = await store.blobs.put(
      bytesOf({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [target as unknown as Json] }),
    );
    const young = { name, target: { mediaType: mediaTypes.index, ...index } };
    await store.refs.set(young);
    reboot(store);
    expect(await (await openStore(folder.path)).refs.get(name)).toEqual(young);
    await store.blobs.delete(target.digest);
    expect(await (await openStore(folder.path)).refs.get(name)).toEqual(old);
  });

  it('leaves the target that is on the disk alone, whatever comes after it', async () => {
    using folder = tempFolder('slots');
    await using store = await openStore(folder.path);
    await named(store, 'settled');
    await store.settle();
    const [file = ''] = readdirSync(join(store.root, 'refs'));
    const text = readFileSync(join(store.root, 'refs', file), 'utf8');
    for (const young of ['a', 'b', 'c']) {
      await named(store, young);
      expect(readFileSync(join(store.root, 'refs', file), 'utf8')).toBe(text);
    }
    await store.settle();
    const last = await named(store, 'd');
    expect(readFileSync(join(store.root, 'refs', file), 'utf8')).not.toBe(text);
    expect(await store.refs.get(name)).toEqual(last);
    expect(await store.refs.delete(name)).toBe(true);
    expect(readdirSync(join(store.root, 'refs'))).toEqual([]);
  });

  it('makes an index.json anew that the power loss damaged, with the first that is written', async () => {
    using folder = tempFolder('slots');
    await using store = await openStore(folder.path);
    await named(store, 'app');
    const index = join(store.layout, 'index.json');
    const right = readFileSync(index, 'utf8');
    writeFileSync(index, '\0'.repeat(right.length));
    await store.settle();
    expect(readFileSync(index, 'utf8')).toBe(right);
  });
});
