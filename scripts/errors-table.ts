// Writes the table of docs/errors.md from the codes in src/core/errors.ts; what stands under "What to do" is kept.
//   node scripts/errors-table.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodes } from '../src/core/index.ts';

const path = join(import.meta.dirname, '../docs/errors.md');
const text = readFileSync(path, 'utf8');
const head = text.slice(0, text.indexOf('| code '));
const remedies = new Map(
  text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(' | '))
    .map(([code = '', , , remedy = '']) => [code.replaceAll(/[|` ]/g, ''), remedy.replace(/ *\|$/, '')]),
);
const rows = Object.entries(errorCodes).map(
  ([code, { exit, meaning }]) => `| \`${code}\` | ${exit} | ${meaning} | ${remedies.get(code) ?? ''} |\n`,
);
writeFileSync(
  path,
  `${head}| code | exit status | meaning | what to do |\n|---|---|---|---|\n${rows.join('')}`,
);
