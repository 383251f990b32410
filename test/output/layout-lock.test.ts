import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { takeLock } from '../../src/sys/index.ts';
import { buildTo } from '../support/build-to.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface Layout {
  manifests: { annotations?: Readonly<Record<string, string>> }[];
}

it('O-02 who changes the index of a layout meanwhile is waited for, and not forgotten', async () => {
  requires('root', 'overlay');
  const image = { dockerfile: 'FROM scratch\nCOPY a /\n', files: { a: 'a' } };
  const to = ['type=oci,dest={}/layout,tar=false'];
  const { folder, root } = await buildTo({ ...image, to, tags: ['first'] });
  const index = join(folder, 'layout/index.json');
  const read = (): Layout => JSON.parse(readFileSync(index, 'utf8')) as Layout;
  const lock = await takeLock(join(folder, 'layout/.tsbuild-lock'));
  const building = buildTo({ ...image, root, to, tags: ['second'] }, folder);
  // Long enough for a build that does not wait; the other one writes all the same.
  const first = await Promise.race([building, sleep(1000, 'waits')]);
  const before = read();
  const named = { ...before.manifests[0], annotations: { 'org.opencontainers.image.ref.name': 'other' } };
  writeFileSync(index, JSON.stringify({ ...before, manifests: [...before.manifests, named] }));
  lock.release();
  await building;
  const names = read().manifests.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name']);
  expect(names).toHaveLength(3);
  expect(names).toContain('other');
  expect(first).toBe('waits');
  expect(existsSync(join(folder, 'layout/.tsbuild-lock'))).toBe(false);
});

it.each(['oci-layout', 'index.json'])('O-02 a new %s of another build is no foreign file', async (name) => {
  requires('root', 'overlay');
  const folder = tempFolder('layout').path;
  mkdirSync(join(folder, 'layout'));
  writeFileSync(join(folder, 'layout', `${name}.0123abcd.tmp`), '');
  await buildTo(
    { dockerfile: 'FROM scratch\nCOPY a /\n', files: { a: 'a' }, to: ['type=oci,dest={}/layout,tar=false'] },
    folder,
  );
  expect(existsSync(join(folder, 'layout/index.json'))).toBe(true);
});
