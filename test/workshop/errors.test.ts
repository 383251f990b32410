import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../src/core/index.ts';
import { projectRoot } from '../support/paths.ts';
import { sourceFiles } from './sources.ts';

describe('docs/errors.md', () => {
  const rows = readFileSync(join(projectRoot, 'docs/errors.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -1).split(' | '));

  it('S-78 has every code with its exit status, its meaning and what to do', () => {
    // `node scripts/errors-table.ts` writes the table; the last column is written by hand.
    const documented = rows.map(([code = '', exit = '', meaning = '']) => [code, exit, meaning]);
    const wanted = Object.entries(errorCodes).map(([code, { exit, meaning }]) => [
      `\`${code}\``,
      String(exit),
      meaning,
    ]);
    expect(documented).toEqual(wanted);
    expect(rows.filter(([, , , remedy = '']) => remedy.trim().length < 10)).toEqual([]);
  });

  it('has no code that nothing reports', () => {
    const sources = sourceFiles('src/**/*.ts')
      .filter((file) => file !== 'src/core/errors.ts')
      .map((file) => readFileSync(join(projectRoot, file), 'utf8'))
      .concat(
        readFileSync(join(projectRoot, 'src/core/errors.ts'), 'utf8').split('export type ErrorCode')[1] ?? '',
      );
    const unused = Object.keys(errorCodes).filter(
      (code) => !sources.some((text) => text.includes(`'${code}'`)),
    );
    expect(unused).toEqual([]);
  });
});
