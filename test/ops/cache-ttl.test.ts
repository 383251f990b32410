import { describe, expect, it } from 'vitest';

import { digestOf, type Digest } from '../../src/core/index.ts';
import { StoreCache, type State } from '../../src/ops/index.ts';
import { emptyState, stateOf } from '../../src/ops/state.ts';
import { overlaySnapshotter } from '../../src/snapshot/index.ts';
import { partsDigest, type CacheRecord } from '../../src/solver/index.ts';
import { openStore } from '../../src/store/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

const hour = 3_600_000;
const [base, child, top] = ['base', 'child', 'top'].map((name) => digestOf(name)) as [Digest, Digest, Digest];

function recordOn(below: Digest, created: string): CacheRecord<State> {
  const parts = { op: 'run' };
  const inputKeys = [{ selector: undefined, digest: below }];
  return {
    ...{ result: stateOf(emptyState), parts, partsDigest: partsDigest(parts) },
    ...{ inputKeys, identity: 'build/2', created },
  };
}

describe('results with an age', () => {
  it('C-51 miss when they, or what they stand on, are older than allowed', async () => {
    await using store = await openStore(tempFolder('store').path);
    await using lease = await store.lease();
    const open = (ttl?: number): StoreCache =>
      new StoreCache({ store, snapshotter: overlaySnapshotter(store.snapshots), lease, ttl });
    const [old, now] = ['2020-02-02T02:02:02.000Z', new Date().toISOString()];
    const records = [
      [base, recordOn(digestOf('no record has this'), old)],
      [child, recordOn(base, now)],
      [top, recordOn(child, now)],
    ] as const;
    for (const [key, record] of records) await open().save([key], record);
    const hits = async (cache: StoreCache): Promise<readonly boolean[]> =>
      Promise.all([base, child, top].map(async (key) => (await cache.lookup(key)) !== undefined));

    expect(await hits(open())).toEqual([true, true, true]);
    expect(await hits(open(100 * 365 * 24 * hour))).toEqual([true, true, true]);
    const strict = open(24 * hour);
    expect(await hits(strict)).toEqual([false, false, false]);
    expect(await strict.expired(recordOn(child, now))).toBe(true);
    // What is made again answers for those above it.
    await strict.save([base], recordOn(digestOf('no record has this'), now));
    expect(await hits(strict)).toEqual([true, true, true]);
    expect(await strict.expired(recordOn(child, now))).toBe(false);
  });

  it('C-51 know a damaged time for an old one', async () => {
    await using store = await openStore(tempFolder('store').path);
    await using lease = await store.lease();
    const cache = new StoreCache({
      ...{ store, lease, ttl: hour },
      snapshotter: overlaySnapshotter(store.snapshots),
    });
    expect(cache.isTooOld('yesterday')).toBe(true);
    expect(cache.isTooOld(new Date(Date.now() + hour).toISOString())).toBe(false);
  });
});
