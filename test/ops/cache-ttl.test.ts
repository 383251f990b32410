import { describe, expect, it } from 'vitest';

import { digestOf, type Digest } from '../../src/core/index.ts';
import { StoreCache, type State } from '../../src/ops/index.ts';
import { ResultAge } from '../../src/ops/result-age.ts';
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
    // What is made again may hold something else: by their definition those above it do not answer in its place.
    const [later, latest] = [2, 3].map((hours) => new Date(Date.now() + hours * hour).toISOString());
    await strict.save([base], recordOn(digestOf('no record has this'), later ?? now));
    expect(await hits(strict)).toEqual([true, false, false]);
    expect(await hits(open(24 * hour))).toEqual([true, false, false]);
    // By what it holds they do, unless they are too old themselves.
    expect(await strict.lookup(child, 'content')).toBeDefined();
    await open().save([child], recordOn(base, old));
    expect(await strict.lookup(child, 'content')).toBeUndefined();
    await strict.save([child], recordOn(base, later ?? now));
    await strict.save([top], recordOn(child, latest ?? now));
    expect(await hits(strict)).toEqual([true, true, true]);
    expect(await strict.expired(recordOn(child, latest ?? now))).toBe(false);
  });

  it('C-51 are no younger for being known by another key', async () => {
    await using store = await openStore(tempFolder('store').path);
    await using lease = await store.lease();
    const snapshotter = overlaySnapshotter(store.snapshots);
    const cache = new StoreCache({ store, lease, snapshotter });
    const [old, now] = ['2020-02-02T02:02:02.000Z', new Date().toISOString()];
    await cache.save([base], recordOn(digestOf('no record has this'), old));
    const result = await cache.lookup(base);
    if (result === undefined) throw new Error('it was saved');
    await cache.save([child], { ...recordOn(digestOf('no record has that'), now), result });
    expect(await new StoreCache({ store, lease, snapshotter, ttl: hour }).lookup(child)).toBeUndefined();
  });

  it('C-51 know a damaged time for an old one', async () => {
    const age = new ResultAge(hour, async () => undefined);
    expect(age.isOver({ created: 'yesterday' })).toBe(true);
    expect(age.isOver({ created: new Date(Date.now() + hour).toISOString() })).toBe(false);
    expect(new ResultAge(undefined, async () => undefined).isOver({ created: 'yesterday' })).toBe(false);
  });
});
