import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { writeOutputFile, writeSmallFile } from '../../src/sys/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

it('S-72 a full disk and a missing folder are told apart, and what is no file stays', () => {
  expect(() => writeSmallFile('/dev/full', 'id')).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
  expect(existsSync('/dev/full')).toBe(true);
  const path = join(tempFolder('output').path, 'none/id');
  expect(() => writeSmallFile(path, 'id')).toThrow(expect.objectContaining({ code: 'IO_ERROR' }));
});

it('S-72 a file that cannot be written to its end leaves the one before, and nothing beside it', async () => {
  const { path: folder } = tempFolder('output');
  const path = join(folder, 'file');
  writeFileSync(path, 'before');
  const failing = writeOutputFile(path, async (sink) => {
    await sink(Buffer.from('half'));
    throw new Error('no more');
  });
  await expect(failing).rejects.toThrow('no more');
  expect(readFileSync(path, 'utf8')).toBe('before');
  await writeOutputFile(path, (sink) => sink(Buffer.from('after')));
  expect(readFileSync(path, 'utf8')).toBe('after');
  expect(readdirSync(folder)).toEqual(['file']);
});
