import fc from 'fast-check';
import { expect, it } from 'vitest';

import { NewRows } from '../../src/ops/copy/new-rows.ts';
import { RowCache } from '../../src/ops/copy/row-cache.ts';

const key = fc.string({ unit: fc.constantFrom('a', 'b', '.', ' ', '\xff'), maxLength: 12 });
const value = fc.string({ unit: fc.constantFrom('x', 'y', '"', '\xe9'), minLength: 1, maxLength: 40 });

it('rows are found as in a map, and come out in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 200 }), (added) => {
      const rows = new NewRows();
      const map = new Map<string, string>();
      for (const [name, text] of added) {
        expect(rows.find(name)).toBe(map.get(name));
        rows.add(name, text);
        // The one added last comes last.
        map.delete(name);
        map.set(name, text);
      }
      for (const [name, text] of map) expect(rows.find(name)).toBe(text);
      expect(rows.count).toBe(map.size);
      expect(rows.text()).toBe([...map].map(([name, text]) => `${name}\t${text}\n`).join(''));
      rows.clear();
      expect([rows.count, rows.text(), rows.find('a')]).toEqual([0, '', undefined]);
    }),
    { numRuns: 100 },
  );
});

it('grows with what is added', () => {
  const rows = new NewRows();
  const keyOf = (n: number): string => `0:${n * 7919} 4096 1700000000.${n}`;
  for (let n = 0; n < 5000; n++) rows.add(keyOf(n), `${n}`.padStart(64, '0'));
  for (let n = 0; n < 5000; n++) expect(rows.find(keyOf(n))).toBe(`${n}`.padStart(64, '0'));
  expect(rows.find(keyOf(5000))).toBeUndefined();
});

it('no more rows are kept than there is room for, those that were asked for first', () => {
  const row = (n: number): string => `${n}\tvalue\n`;
  const earlier = Array.from({ length: 150_000 }, (_, n) => row(n)).join('');
  const cache = new RowCache(() => earlier);
  for (let n = 0; n < 150_000; n++) cache.find(`${n}`);
  for (let n = 200_000; n < 300_000; n++) cache.add(`${n}`, 'value');
  const kept = cache.rows() ?? '';
  expect(kept.split('\n').length - 1).toBe(200_000);
  expect(kept.startsWith(earlier)).toBe(true);
});
