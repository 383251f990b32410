import { describe, expect, it } from 'vitest';
import { TsbuildError } from '../../src/core/index.ts';
import { expandWord, parseDockerfile, parseDuration, resolveMount } from '../../src/dockerfile/index.ts';
import { parseMount } from '../../src/dockerfile/mount.ts';
import { cellOf, readTable } from '../support/pipe-table.ts';

describe('parseDuration', () => {
  it.each(readTable('dockerfile/durations.txt'))('$title', (row) => {
    const value = parseDuration(cellOf(row, 0));
    expect(value === undefined ? 'error' : String(value + 0)).toBe(cellOf(row, 1));
  });
});

const variables = new Map([
  ['M', 'cache'],
  ['T', '/data'],
  ['N', '7'],
]);

function expand(word: string): string {
  return expandWord(word, (name) => variables.get(name), { escape: '\\' }).value;
}

describe('mounts', () => {
  it.each(readTable('dockerfile/mounts.txt'))('$title', (row) => {
    const expected = cellOf(row, 1);
    const mount = () => resolveMount(parseMount(cellOf(row, 0)), expand);
    if (expected.startsWith('error')) {
      expect(mount).toThrow(TsbuildError);
      expect(mount).toThrow(expected.slice('error '.length));
      return;
    }
    const value: unknown = JSON.parse(JSON.stringify(mount()));
    expect(value).toEqual(JSON.parse(expected));
  });

  it('L-127 checks at parsing what needs no variables, and waits for the rest', () => {
    const run = (mount: string) => parseDockerfile(`FROM a\nRUN --mount=${mount} true\n`, 'Dockerfile');
    expect(() => run('type=cache,target=/a,uid=x')).toThrow('for uid');
    expect(() => run('type=cache,target=/a,uid=$X')).not.toThrow();
  });
});
