import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../support/paths.ts';

const here = import.meta.dirname;
const id = String.raw`(?:[LCORGBS]-\d+|end-\d+[a-c]?)`;
const idPattern = new RegExp(String.raw`\b${id}(?:…${id})?\b`, 'g');
const checklist = rows('checklist-ids.txt').map(([id]) => id);

/** The lines of a file beside this one, split at the first blank; comments and empty lines left out. */
function rows(file: string): [first: string, rest: string][] {
  return readFileSync(join(here, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.replace(/ .*/s, ''), line.replace(/^\S* ?/, '')]);
}

/**
 * The IDs in the strings of all test files, and in the headings of the tables that tests read: titles come from both.
 * `L-001…L-020` names every row from the first to the last.
 */
function idsInTests(): Set<string> {
  const read = (pattern: string): string[] =>
    globSync(pattern, { cwd: projectRoot }).map((file) => readFileSync(join(projectRoot, file), 'utf8'));
  const strings = read('test/**/*.test.ts').flatMap((text) =>
    text.match(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|"[^"\n]*"/g),
  );
  const headings = read('fixtures/**/*.txt').flatMap((text) => text.match(/^## .*$/gm));
  const ranges = [...strings, ...headings].flatMap((text) => text?.match(idPattern) ?? []);
  return new Set(ranges.flatMap(rangeOfIds));
}

function rangeOfIds(range: string): readonly string[] {
  const [first = '', last = first] = range.split('…');
  const [from, to] = [checklist.indexOf(first), checklist.indexOf(last)];
  return from === -1 || to < from ? [range] : checklist.slice(from, to + 1);
}

/** `L-001..L-020 reason` is said of every row from the first to the last. */
function openReasons(): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const [range, reason] of rows('open-ids.txt')) {
    const [first = '', last = first] = range.split('..');
    const [from, to] = [checklist.indexOf(first), checklist.indexOf(last)];
    if (from === -1 || to < from || reason === '')
      throw new Error(`open-ids.txt: not understood: ${range} ${reason}`);
    for (const id of checklist.slice(from, to + 1)) reasons.set(id, reason);
  }
  return reasons;
}

/** Neighbours with the same reason and the same letter become one line. */
function formatOpen(open: readonly (readonly [id: string, reason: string])[]): string {
  const lines: { first: string; last: string; reason: string }[] = [];
  for (const [id, reason] of open) {
    const line = lines.at(-1);
    const follows = line !== undefined && checklist[checklist.indexOf(line.last) + 1] === id;
    const joins = follows && line.reason === reason && line.first.split('-')[0] === id.split('-')[0];
    if (joins) line.last = id;
    else lines.push({ first: id, last: id, reason });
  }
  return lines
    .map(({ first, last, reason }) => `${first}${first === last ? '' : `..${last}`} ${reason}\n`)
    .join('');
}

describe('the checklist', () => {
  const tested = idsInTests();
  const reasons = openReasons();

  it('has every row either named by a test or listed as open with a reason', async () => {
    const open = checklist.filter((id) => !tested.has(id));
    expect(open.filter((id) => !reasons.has(id))).toEqual([]);
    const comment = readFileSync(join(here, 'open-ids.txt'), 'utf8').split('\n')[0] ?? '';
    const wanted = formatOpen(open.map((id) => [id, reasons.get(id) ?? '']));
    // Fails when a row that a test names is still listed; `vitest run test/workshop -u` takes it out.
    await expect(`${comment}\n${wanted}`).toMatchFileSnapshot(join(here, 'open-ids.txt'));
  });

  it('has every row that tests name, and each row once', () => {
    expect([...tested].filter((id) => !checklist.includes(id))).toEqual([]);
    expect(new Set(checklist).size).toBe(checklist.length);
  });
});
