import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';

import { defaultRules, prune, pruneByRules } from '../../src/ops/store-care/index.ts';
import { openStore, storePaths, type Store } from '../../src/store/index.ts';
import { cacheFolder, cacheName } from '../support/cache-folder.ts';
import { tempFolder } from '../support/temp-folder.ts';

const hour = 3_600_000;
const day = 24 * hour;
const disk = { total: 1e12 };

let store: Store;

beforeEach(async () => {
  store = await openStore(tempFolder('root').path);
  return () => store[Symbol.asyncDispose]();
});

/** A cache mount of so many bytes that was last used so long ago. */
async function cache(id: string, bytes: number, age: number): Promise<void> {
  mkdirSync(cacheFolder(store.root, id), { recursive: true });
  writeFileSync(join(cacheFolder(store.root, id), 'file'), Buffer.alloc(bytes));
  await store.records.put('mounts', cacheName(id), { id });
  for (const entry of readdirSync(storePaths(store.root).records, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.startsWith(cacheName(id))) continue;
    const at = (Date.now() - age) / 1000;
    utimesSync(join(entry.parentPath, entry.name), at, at);
  }
}

const left = (...ids: readonly string[]): readonly string[] =>
  ids.filter((id) => existsSync(cacheFolder(store.root, id)));

describe('O-20 the rules of prune --gc', () => {
  it('are BuildKit’s four, within the limits that were given', () => {
    const rules = defaultRules(disk, {}, 100 * day);
    const caps = { reservedSpace: 10e9, maxUsedSpace: 100e9, minFreeSpace: 0.2e12 };
    expect(rules).toEqual([
      {
        filter: {
          types: new Set(['source.local', 'exec.cachemount', 'source.git.checkout']),
          until: 100 * day - 48 * hour,
        },
        maxUsedSpace: 512e6,
      },
      { filter: { until: 40 * day }, ...caps },
      caps,
      { all: true, ...caps },
    ]);
    expect(defaultRules({ total: 50e9 }, {}, 0)[2]).toEqual({
      reservedSpace: 5e9,
      maxUsedSpace: 30e9,
      minFreeSpace: 10e9,
    });
    const given = { reservedSpace: 1, maxUsedSpace: 2, minFreeSpace: 3 };
    expect(defaultRules(disk, given, 0).slice(2)).toEqual([given, { all: true, ...given }]);
  });

  it('leave a small cache as it is', async () => {
    await cache('old', 100_000, 400 * day);
    const limits = { reservedSpace: 0, maxUsedSpace: 10e6, minFreeSpace: 0 };
    expect(await pruneByRules(store, defaultRules(disk, limits, Date.now()))).toEqual({
      removed: [],
      bytes: 0,
    });
  });

  it('take what was not used the longest, down to the most that the cache may have', async () => {
    await cache('oldest', 400_000, 3 * hour);
    await cache('older', 400_000, 2 * hour);
    await cache('young', 400_000, hour);
    const limits = { reservedSpace: 0, maxUsedSpace: 500_000, minFreeSpace: 0 };
    const { removed } = await pruneByRules(store, defaultRules(disk, limits, Date.now()));
    expect(removed.map(({ text }) => text)).toEqual(['oldest', 'older']);
    expect(left('oldest', 'older', 'young')).toEqual(['young']);
  });

  it('never go below what is reserved, whatever else is said', async () => {
    await cache('one', 400_000, 100 * day);
    const limits = { reservedSpace: 1_000_000, maxUsedSpace: 1, minFreeSpace: 1e15 };
    const { removed } = await pruneByRules(store, defaultRules(disk, limits, Date.now()));
    expect(removed).toEqual([]);
  });

  it('take cheap things after two days, where the cache is large, and nothing else', async () => {
    await cache('old', 400_000, 49 * hour);
    await cache('young', 400_000, 47 * hour);
    const [first] = defaultRules(disk, {}, Date.now());
    await prune(store, { ...first, maxUsedSpace: 100_000 });
    expect(left('old', 'young')).toEqual(['young']);
  });
});

describe('prune and the folders of records', () => {
  it('leaves none that are empty', async () => {
    const { records } = storePaths(store.root);
    await cache('some', 10, 0);
    for (let i = 0; i < 20; i++) await store.records.put('results', `r${i}`, { broken: true });
    for (let i = 0; i < 20; i++) await store.records.delete('results', `r${i}`);
    expect(readdirSync(join(records, 'results')).length).toBeGreaterThan(5);
    await prune(store);
    const shards = readdirSync(records).flatMap((name) => readdirSync(join(records, name)));
    expect(shards).toEqual([]);
    await store.records.put('results', 'r1', { again: true });
    expect(await store.records.get('results', 'r1')).toEqual({ again: true });
  });
});
