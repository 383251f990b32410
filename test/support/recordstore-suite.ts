import { describe, expect, it } from 'vitest';
import { digestOf, type Json } from '../../src/core/index.ts';
import type { RecordCollection, RecordStore } from '../../src/store/index.ts';

export interface RecordStoreWorld extends AsyncDisposable {
  readonly records: RecordStore;
}

const collections: readonly RecordCollection[] = [
  'results',
  'ops',
  'states',
  'nearest',
  'chains',
  'distribution',
];

/** The contract of every RecordStore; calls every method. */
export function describeRecordStore(name: string, makeWorld: () => Promise<RecordStoreWorld>): void {
  describe(`RecordStore: ${name}`, () => {
    const key = digestOf('a');

    it('puts, replaces, lists and deletes', async () => {
      await using world = await makeWorld();
      const { records } = world;
      expect(await records.get('results', key)).toBeUndefined();
      expect(await records.has('results', key)).toBe(false);
      await records.delete('results', key);

      await records.put('results', key, { one: 1 });
      await records.put('results', key, { two: [2, null, 'ü'] });
      expect(await records.get('results', key)).toEqual({ two: [2, null, 'ü'] });
      expect(await records.has('results', key)).toBe(true);

      await records.delete('results', key);
      expect(await records.get('results', key)).toBeUndefined();
      expect(await collect(records.list('results'))).toEqual([]);
    });

    it('O-21 knows when a record was used, to the hour, and tells a new one from the old', async () => {
      await using world = await makeWorld();
      const { records } = world;
      expect(await records.stat('results', key)).toBeUndefined();
      await records.touch('results', key);
      expect(await records.has('results', key)).toBe(false);

      await records.put('results', key, 1);
      const first = await records.stat('results', key);
      expect(Math.abs(Date.now() - (first?.used ?? 0))).toBeLessThan(60_000);
      await records.touch('results', key);
      expect(await records.stat('results', key)).toEqual(first);
      await records.put('results', key, 1);
      expect((await records.stat('results', key))?.version).not.toBe(first?.version);
    });

    it('collections are apart', async () => {
      await using world = await makeWorld();
      for (const collection of collections) await world.records.put(collection, key, collection);
      for (const collection of collections) {
        expect(await world.records.get(collection, key)).toBe(collection);
        expect(await collect(world.records.list(collection))).toEqual([key]);
      }
    });

    it.each<[Json]>([[null], [0], [''], [false], [[]], [{}], [{ a: { b: [1, 2, { c: 'd' }] } }]])(
      'keeps %j',
      async (value) => {
        await using world = await makeWorld();
        await world.records.put('ops', key, value);
        expect(await world.records.get('ops', key)).toEqual(value);
        expect(await world.records.has('ops', key)).toBe(true);
      },
    );

    it('keys may be digests and names', async () => {
      await using world = await makeWorld();
      const keys = [key, digestOf('b'), 'stage-2.step_4', 'A', `x${'y'.repeat(199)}`];
      for (const each of keys) await world.records.put('nearest', each, each);
      expect((await collect(world.records.list('nearest'))).sort()).toEqual([...keys].sort());
      for (const each of keys) expect(await world.records.get('nearest', each)).toBe(each);
    });

    it.each([
      '',
      '.',
      '..',
      '../x',
      'a/b',
      '/etc/passwd',
      'a\0',
      '.hidden',
      'a b',
      'a\n',
      'ä',
      'x'.repeat(201),
    ])('S-43 never makes a path of %j', async (hostile) => {
      await using world = await makeWorld();
      const { records } = world;
      const refusal = /not the key of a record/;
      await expect(records.get('results', hostile)).rejects.toThrow(refusal);
      await expect(records.has('results', hostile)).rejects.toThrow(refusal);
      await expect(records.put('results', hostile, 1)).rejects.toThrow(refusal);
      await expect(records.delete('results', hostile)).rejects.toThrow(refusal);
    });
  });
}

async function collect(items: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const item of items) all.push(item);
  return all;
}
