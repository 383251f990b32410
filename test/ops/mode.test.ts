import { chmodSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { folderMode, parseMode } from '../../src/ops/copy/mode.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const rwx = fc.subarray(['r', 'w', 'x', 'X', 's', 't']).map((letters) => letters.join(''));
const clause = fc
  .tuple(
    fc.subarray(['u', 'g', 'o', 'a']).map((letters) => letters.join('')),
    fc.array(fc.tuple(fc.constantFrom('+', '-', '='), fc.oneof(rwx, fc.constantFrom('u', 'g', 'o'))), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([who, actions]) => who + actions.map((action) => action.join('')).join(''));
const symbolic = fc.array(clause, { minLength: 1, maxLength: 3 }).map((clauses) => clauses.join(','));
const change = fc.record({
  text: symbolic,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  directory: fc.boolean(),
});

describe('--chmod', () => {
  it.each([
    ['755', 0o4711, 0o755],
    ['0', 0o777, 0],
    ['00007777', 0, 0o7777],
    ['+x', 0o644, 0o755],
    ['u=rwX,go=rX', 0o600, 0o644],
    ['u=rwX,go=rX', 0o700, 0o755],
    ['g=u', 0o640, 0o660],
    ['o-rwx,u+s', 0o755, 0o4750],
    ['a=', 0o4755, 0],
    ['=rw', 0o4711, 0o666],
    ['-x+w', 0o755, 0o666],
  ])('L-152 %s of a file turns %o into %o', (text, before, after) => {
    expect(parseMode(text)(before, false).toString(8)).toBe(after.toString(8));
  });

  it.each([
    '',
    '8',
    '10000',
    '-1',
    'rwx',
    'u=q',
    'u+rg',
    'z+x',
    'u=rw,',
    ',u=rw',
    'u',
    '0o755',
    '755 ',
    '+755',
  ])('L-152 refuses %j', (text) => {
    expect(() => parseMode(text)).toThrow(`invalid chmod parameter: '${text}'`);
  });

  it.each([
    [undefined, 0o755],
    ['700', 0o700],
    ['4750', 0o750],
    ['u=rwX,go=', 0o755],
  ])('L-152 L-169 folders on the way are made for %s with %o', (chmod, mode) => {
    expect(folderMode(chmod)).toBe(mode);
  });

  it('L-152 does what chmod(1) does', async () => {
    const { path } = tempFolder('chmod');
    const cases = fc.sample(change, 300);
    const script = cases.map(({ text, mode, directory }, index) => {
      const name = join(path, String(index));
      if (directory) mkdirSync(name);
      else writeFileSync(name, '');
      chmodSync(name, mode);
      return `chmod -- '${text}' ${index}`;
    });
    await runOk(['bash', '-c', ['umask 0', ...script, 'true'].join('\n')], { cwd: path });
    for (const [index, { text, mode, directory }] of cases.entries()) {
      const theirs = lstatSync(join(path, String(index))).mode & 0o7777;
      const ours = parseMode(text)(mode, directory);
      expect({ text, mode: mode.toString(8), directory, result: ours.toString(8) }).toEqual({
        text,
        mode: mode.toString(8),
        directory,
        result: theirs.toString(8),
      });
    }
  });
});
