import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { canonicalJson, digestOf, type Json, type JsonObject } from '../../src/core/index.ts';
import { StoreCache } from '../../src/ops/index.ts';
import { emptyState, stateOf } from '../../src/ops/state.ts';
import type { State } from '../../src/ops/index.ts';
import { overlaySnapshotter } from '../../src/snapshot/index.ts';
import { partsDigest, type CacheRecord } from '../../src/solver/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

const key = digestOf('key');
const parts = { op: 'run', argv: ['sh', '-c', 'make'], env: ['A=1'], chown: null, deep: { a: [1, true] } };
const record: CacheRecord<State> = {
  result: stateOf(emptyState),
  parts,
  partsDigest: partsDigest(parts),
  inputKeys: [
    { selector: undefined, digest: digestOf('below') },
    { selector: '/src', digest: digestOf('beside') },
  ],
  identity: 'build/2',
  created: '2020-02-02T02:02:02.000Z',
};

async function withCache(
  action: (cache: StoreCache, other: (scope?: string) => StoreCache, store: Store) => Promise<void>,
): Promise<void> {
  await using store = await openStore(tempFolder('store').path);
  await using lease = await store.lease();
  const snapshotter = overlaySnapshotter(store.snapshots);
  const open = (scope?: string): StoreCache => new StoreCache({ store, snapshotter, lease, scope });
  await action(open(), open, store);
}

/** Changes what a record says; the envelope around it stays whole. */
function damage(store: Store, collection: string, change: (value: JsonObject) => Json): void {
  const files = globSync(`records/${collection}/*/*.json`, { cwd: store.root });
  expect(files).toHaveLength(1);
  for (const file of files) {
    const path = join(store.root, file);
    const envelope = JSON.parse(readFileSync(path, 'utf8')) as { value: JsonObject };
    writeFileSync(path, canonicalJson({ ...envelope, value: change(envelope.value) }));
  }
}

describe('records to explain by', () => {
  it('come back as they were saved, by identity and by parts', async () => {
    await withCache(async (cache, open) => {
      await cache.save([key], record);
      await cache.remember(new Map([['build/2', key]]));
      for (const found of [await open().nearest('build/2'), await open().latest(record.partsDigest)]) {
        const { result, ...rest } = found ?? record;
        const { result: _, ...saved } = record;
        expect(rest).toEqual(saved);
        expect(await result.settled).toEqual(emptyState);
      }
    });
  });

  it('of one identity belong to what was built', async () => {
    await withCache(async (cache, open) => {
      const [mine, theirs] = [open('mine'), open('theirs')];
      await mine.save([key], record);
      await mine.remember(new Map([['build/2', key]]));
      expect(await mine.nearest('build/2')).toMatchObject({ identity: 'build/2' });
      expect(await theirs.nearest('build/2')).toBeUndefined();
      expect(await cache.nearest('build/2')).toBeUndefined();
      // What is the same is the same, wherever it was built.
      expect(await theirs.latest(record.partsDigest)).toMatchObject({ identity: 'build/2' });
      expect(await theirs.lookup(key)).toBeDefined();
    });
  });

  it.each<[string, (value: JsonObject) => Json]>([
    ['that say nothing', () => ({})],
    ['that are no object', () => ['x']],
    ['without parts', ({ parts: _, ...rest }) => rest],
    ['with parts of another digest', (value) => ({ ...value, parts: { op: 'run' } })],
    ['with a digest of other parts', (value) => ({ ...value, partsDigest: digestOf('x') })],
    ['without inputs', ({ inputKeys: _, ...rest }) => rest],
    ['with an input that is none', (value) => ({ ...value, inputKeys: [{ digest: '../x' }] })],
    ['with a selector that is none', (value) => ({ ...value, inputKeys: [{ digest: key, selector: 1 }] })],
    ['without a time', ({ created: _, ...rest }) => rest],
    ['without an identity', (value) => ({ ...value, identity: 7 })],
    ['with a damaged result', (value) => ({ ...value, result: { chain: ['../..'] } })],
  ])('%s are none', async (_, change) => {
    await withCache(async (cache, __, store) => {
      await cache.save([key], record);
      await cache.remember(new Map([['build/2', key]]));
      damage(store, 'results', change);
      expect(await cache.nearest('build/2')).toBeUndefined();
      expect(await cache.latest(record.partsDigest)).toBeUndefined();
    });
  });

  it.each(['nearest', 'ops'])('that nothing points to are none: %s', async (collection) => {
    await withCache(async (cache, _, store) => {
      await cache.save([key], record);
      await cache.remember(new Map([['build/2', key]]));
      const name = collection === 'ops' ? 'key' : 'build/2';
      for (const value of [{ [name]: '../../x' }, { [name]: 7 }, {}, { [name]: digestOf('none') }, 'x']) {
        damage(store, collection, () => value);
        const found =
          collection === 'ops' ? await cache.latest(record.partsDigest) : await cache.nearest('build/2');
        expect(found).toBeUndefined();
      }
      expect(await cache.lookup(key)).toBeDefined();
      expect(await cache.knows(record.partsDigest)).toBe(true);
    });
  });
});
