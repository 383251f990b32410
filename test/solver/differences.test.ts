import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { canonicalJson, type Json, type PartChange } from '../../src/core/index.ts';
import { differences } from '../../src/solver/differences.ts';
import { runs } from '../support/series.ts';

/** One line a change: `env.PATH: /bin -> /usr/bin`. */
function lines(changes: readonly PartChange[]): readonly string[] {
  return changes.map((change) => {
    const path = change.path.join('.');
    switch (change.kind) {
      case 'changed':
        return `${path}: ${canonicalJson(change.before)} -> ${canonicalJson(change.after)}`;
      case 'added':
        return `${path}: + ${canonicalJson(change.after)}`;
      case 'removed':
        return `${path}: - ${canonicalJson(change.before)}`;
      case 'reordered':
        return `${path}: reordered`;
    }
  });
}

describe('differences of key parts', () => {
  it.each<[string, Json, Json, readonly string[]]>([
    ['equal', { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
    ['members in another order', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ['a member that is undefined', { a: 1, b: undefined }, { a: 1 }, []],
    ['a value', { cwd: '/a', user: '' }, { cwd: '/b', user: '' }, ['cwd: "/a" -> "/b"']],
    ['another type', { a: null }, { a: ['x'] }, ['a: null -> ["x"]']],
    ['a member more', { a: 1 }, { a: 1, b: [2] }, ['b: + [2]']],
    ['a member less', { a: 1, b: 2 }, { a: 1 }, ['b: - 2']],
    ['deep inside', { a: { b: [{ c: 1, d: 2 }] } }, { a: { b: [{ c: 1, d: 3 }] } }, ['a.b.0.d: 2 -> 3']],
    ['an element', { argv: ['sh', '-c', 'a'] }, { argv: ['sh', '-c', 'b'] }, ['argv.2: "a" -> "b"']],
    ['an element put in', ['a', 'b', 'c'], ['a', 'x', 'b', 'c'], ['1: + "x"']],
    ['an element taken out', ['a', 'b', 'c'], ['b', 'c'], ['0: - "a"']],
    ['an element among equal ones', ['a', 'a'], ['a', 'a', 'a'], ['2: + "a"']],
    ['from nothing', [], ['a', 'b'], ['0: + "a"', '1: + "b"']],
    ['two for one', ['a', 'b', 'z'], ['a', 'x', 'y', 'z'], ['1: "b" -> "x"', '2: + "y"']],
    ['elements in another order', ['a', 'b'], ['b', 'a'], ['0: "a" -> "b"', '1: "b" -> "a"']],
    [
      'assignments by name',
      { env: ['PATH=/bin', 'A=1', 'B=2'] },
      { env: ['A=1', 'C=x=y', 'PATH=/bin:/sbin'] },
      ['env.PATH: "/bin" -> "/bin:/sbin"', 'env.B: - "2"', 'env.C: + "x=y"'],
    ],
    ['assignments in another order', { env: ['A=1', 'B=2'] }, { env: ['B=2', 'A=1'] }, ['env: reordered']],
    ['one name twice is no list of assignments', ['A=1', 'A=2'], ['A=1', 'A=3'], ['1: "A=2" -> "A=3"']],
    ['a word among assignments', ['A=1', 'make'], ['A=2', 'make'], ['0: "A=1" -> "A=2"']],
    ['assignments of more lines', ['A=1\n2'], ['A=1\n3'], ['A: "1\\n2" -> "1\\n3"']],
    [
      'names that objects have',
      { a: ['constructor=1'] },
      { a: ['__proto__=1'] },
      ['a.constructor: - "1"', 'a.__proto__: + "1"'],
    ],
  ])('%s', (_, before, after, expected) => {
    expect(lines(differences(before, after))).toEqual(expected);
  });

  it('are none for equal values, and some for any others', () => {
    const value = fc.jsonValue().map((json) => JSON.parse(JSON.stringify(json)) as Json);
    const property = fc.property(value, value, (before, after) => {
      expect(differences(before, before)).toEqual([]);
      const equal = canonicalJson(before) === canonicalJson(after);
      expect(differences(before, after).length === 0).toBe(equal);
    });
    fc.assert(property, runs(300));
  });
});
