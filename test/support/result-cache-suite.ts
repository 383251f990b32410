import { describe, expect, it } from 'vitest';

import { digestOf, type Digest } from '../../src/core/index.ts';
import type { CacheRecord, Claim, Claimed, ResultCache } from '../../src/solver/index.ts';
import { partsDigest } from '../../src/solver/index.ts';

export interface ResultCacheWorld<R> extends AsyncDisposable {
  readonly cache: ResultCache<R>;
  /** The same records seen by another user, as another process would. */
  readonly other: ResultCache<R>;
  /** A new result each time; equal content is equal by its content digest only. */
  result(content: string): Promise<R>;
  /** Names a result: two results of one content have two names. */
  readonly nameOf: (result: R) => string;
}

/** Whoever implements ResultCache passes this; calls every method. */
export function resultCacheSuite<R>(name: string, makeWorld: () => Promise<ResultCacheWorld<R>>): void {
  const key = (text: string): Digest => digestOf(`key ${text}`);
  const free = { signal: new AbortController().signal, ignoreExisting: false };

  function record(result: R, more: Partial<CacheRecord<R>> = {}): CacheRecord<R> {
    const parts = { op: 'test', argv: ['a', 'b'], chown: null };
    return {
      result,
      parts,
      partsDigest: partsDigest(parts),
      inputKeys: [{ selector: undefined, digest: key('input') }],
      identity: 'stage/1',
      created: '2020-02-02T02:02:02.000Z',
      ...more,
    };
  }

  describe(`ResultCache: ${name}`, () => {
    it('finds what was saved, under each of its keys, and nothing else', async () => {
      await using world = await makeWorld();
      const { cache, other, nameOf } = world;
      expect(await cache.lookup(key('one'))).toBeUndefined();
      const result = await world.result('content');
      await cache.save([key('one'), key('two')], record(result));
      for (const user of [cache, other]) {
        for (const text of ['one', 'two']) {
          const found = await user.lookup(key(text));
          expect(found && nameOf(found)).toBe(nameOf(result));
        }
        expect(await user.lookup(key('three'))).toBeUndefined();
      }
    });

    it('replaces what a key stood for', async () => {
      await using world = await makeWorld();
      const [first, second] = [await world.result('1'), await world.result('2')];
      await world.cache.save([key('one')], record(first));
      await world.cache.save([key('one')], record(second));
      const found = await world.other.lookup(key('one'));
      expect(found && world.nameOf(found)).toBe(world.nameOf(second));
    });

    it('knows parts that some record has, whatever its key', async () => {
      await using world = await makeWorld();
      const saved = record(await world.result('x'));
      expect(await world.cache.knows(saved.partsDigest)).toBe(false);
      await world.cache.save([key('one')], saved);
      expect(await world.other.knows(saved.partsDigest)).toBe(true);
      expect(await world.other.knows(digestOf('others'))).toBe(false);
      expect(await world.other.knows(key('one'))).toBe(false);
    });

    it('gives the earlier result of the same content, and the result itself where there is none', async () => {
      await using world = await makeWorld();
      const { cache, other, nameOf } = world;
      const [first, again, different] = [
        await world.result('same'),
        await world.result('same'),
        await world.result('different'),
      ];
      expect(nameOf(first)).not.toBe(nameOf(again));
      expect(nameOf(await cache.canonical(first))).toBe(nameOf(first));
      await cache.save([key('one')], record(first));
      expect(nameOf(await other.canonical(again))).toBe(nameOf(first));
      expect(nameOf(await other.canonical(different))).toBe(nameOf(different));
    });

    it('keeps the parts of the record remembered for an identity', async () => {
      await using world = await makeWorld();
      const saved = record(await world.result('x'));
      expect(await world.cache.nearest('stage/1')).toBeUndefined();
      await world.cache.save([key('one')], saved);
      const newer = record(await world.result('y'), { created: '2021-01-01T00:00:00.000Z' });
      await world.cache.save([key('two'), key('three')], newer);
      await world.cache.remember(new Map([['stage/1', key('one')]]));
      await world.cache.remember(new Map([['stage/1', key('two')]]));
      // A build that failed, and one whose record has vanished.
      await world.cache.remember(new Map([['stage/1', undefined]]));
      const { result: _, ...expected } = newer;
      expect(await world.other.nearest('stage/1')).toMatchObject(expected);
      expect(await world.other.nearest('stage/2')).toBeUndefined();
    });

    it('keeps the newest record of the same parts, whatever its identity', async () => {
      await using world = await makeWorld();
      const saved = record(await world.result('x'));
      expect(await world.cache.latest(saved.partsDigest)).toBeUndefined();
      await world.cache.save([key('one')], saved);
      const newer = record(await world.result('y'), {
        identity: 'stage/2',
        inputKeys: [{ selector: '/a', digest: key('other') }],
      });
      await world.cache.save([key('two'), key('three')], newer);
      expect(await world.other.latest(saved.partsDigest)).toMatchObject({
        identity: 'stage/2',
        inputKeys: newer.inputKeys,
        parts: newer.parts,
      });
      expect(await world.other.latest(key('one'))).toBeUndefined();
    });

    it('gives a claim to one user at a time, in any order of waiting', async () => {
      await using world = await makeWorld();
      const first = claimOf(await world.cache.claim(key('one'), free));
      const elsewhere = claimOf(await world.other.claim(key('two'), free));
      const waiting = [world.other.claim(key('one'), free), world.cache.claim(key('one'), free)];
      const got: string[] = [];
      const held = waiting.map(async (promise, index) => {
        const claim = claimOf(await promise);
        got.push(`in ${index}`);
        await Promise.resolve();
        got.push(`out ${index}`);
        await claim[Symbol.asyncDispose]();
      });
      await elsewhere[Symbol.asyncDispose]();
      expect(got).toEqual([]);
      expect(first.key).toBe(key('one'));
      await first[Symbol.asyncDispose]();
      await Promise.all(held);
      expect([
        ['in 0', 'out 0', 'in 1', 'out 1'],
        ['in 1', 'out 1', 'in 0', 'out 0'],
      ]).toContainEqual(got);
    });

    it('gives the waiting the result that was saved under the claim', async () => {
      await using world = await makeWorld();
      const claim = claimOf(await world.cache.claim(key('one'), free));
      const waiting = world.other.claim(key('one'), free);
      const result = await world.result('made');
      await world.cache.save([key('one')], record(result));
      await claim[Symbol.asyncDispose]();
      const answer = await waiting;
      expect(answer.kind === 'existing' && world.nameOf(answer.result)).toBe(world.nameOf(result));
      // An answer is no claim: nothing is held by it.
      const again = await world.cache.claim(key('one'), { ...free, ignoreExisting: true });
      expect(again.kind).toBe('claim');
      await claimOf(again)[Symbol.asyncDispose]();
    });

    it('lets the waiting take over when nothing was saved', async () => {
      await using world = await makeWorld();
      const claim = claimOf(await world.cache.claim(key('one'), free));
      const waiting = world.other.claim(key('one'), free);
      await claim[Symbol.asyncDispose]();
      await claimOf(await waiting)[Symbol.asyncDispose]();
    });

    it('tells once that it waits, and only when it does', async () => {
      await using world = await makeWorld();
      const told: string[] = [];
      const onWait = (holder: string): void => void told.push(holder);
      const claim = claimOf(await world.cache.claim(key('one'), { ...free, onWait }));
      expect(told).toEqual([]);
      const waiting = world.other.claim(key('one'), { ...free, onWait });
      await expect.poll(() => told).toEqual([expect.stringMatching(/./)]);
      await claim[Symbol.asyncDispose]();
      await claimOf(await waiting)[Symbol.asyncDispose]();
      expect(told).toHaveLength(1);
    });

    it('C-06 gives a claim where there is a result but it is to be made anew', async () => {
      await using world = await makeWorld();
      await world.cache.save([key('one')], record(await world.result('old')));
      const claimed = await world.cache.claim(key('one'), { ...free, ignoreExisting: true });
      await claimOf(claimed)[Symbol.asyncDispose]();
    });

    it('stops waiting when told, and leaves the claim to others', async () => {
      await using world = await makeWorld();
      const claim = claimOf(await world.cache.claim(key('one'), free));
      const stop = new AbortController();
      const waiting = world.other.claim(key('one'), { ...free, signal: stop.signal });
      stop.abort();
      await expect(waiting).rejects.toThrow();
      const next = world.other.claim(key('one'), free);
      await claim[Symbol.asyncDispose]();
      await claimOf(await next)[Symbol.asyncDispose]();
    });
  });
}

function claimOf<R>(claimed: Claimed<R>): Claim {
  if (claimed.kind === 'existing') throw new Error('a result where a claim was due');
  return claimed.claim;
}
