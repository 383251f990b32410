import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';

import { ensureStubs } from '../../src/runtime/index.ts';
import { tryTakeLock } from '../../src/sys/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

it('S-70 stubs are made once, and what a killed process left of its own goes with the next ones', () => {
  const folder = join(tempFolder('stubs').path, 'stubs');
  const targets = [
    { path: '/proc', directory: true },
    { path: '/etc/hosts', directory: false },
  ];
  const first = ensureStubs(folder, targets);
  expect(readdirSync(folder)).toEqual([basename(first)]);
  expect(statSync(join(first, 'etc/hosts'))).toMatchObject({ size: 0, mtimeMs: 0 });
  expect(ensureStubs(folder, targets.toReversed())).toBe(first);

  const [dead, alive] = ['0', '1'].map((digit) => `tsbuild-${digit.repeat(16)}`);
  for (const name of [dead, alive]) mkdirSync(join(folder, `${name}/half/etc`), { recursive: true });
  writeFileSync(join(folder, `${dead}.lock`), '');
  const lock = tryTakeLock(join(folder, `${alive}.lock`));
  const second = ensureStubs(folder, targets.slice(0, 1));
  expect(readdirSync(folder).toSorted()).toEqual(
    [basename(first), basename(second), `${alive}`, `${alive}.lock`].toSorted(),
  );
  lock?.release();
});
