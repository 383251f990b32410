import { readdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { mediaTypes } from '../../src/oci/index.ts';
import { openStore } from '../../src/store/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

const key = digestOf('key');
const name = 'docker.io/library/app:latest';

/** Everything that a power loss may make of a small file. */
const damages: readonly (readonly [string, (text: string) => string])[] = [
  ['empty', () => ''],
  ['cut short', (text) => text.slice(0, -5)],
  ['full of zeros', (text) => '\0'.repeat(text.length)],
  ['garbage', () => '\u0001\u0002'],
  ['null', () => 'null'],
  ['another kind of value', () => '[1]'],
  ['a number', () => '7'],
  ['without its members', () => '{}'],
];

function onlyFile(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  expect(files).toHaveLength(1);
  return join(files[0]!.parentPath, files[0]!.name);
}

describe('damaged files read as absent', () => {
  it.each(damages)('%s', async (_name, damage) => {
    using folder = tempFolder('damage');
    await using store = await openStore(folder.path);
    const target = { mediaType: mediaTypes.manifest, digest: digestOf('m'), size: 1 };
    await store.records.put('results', key, { a: 1 });
    await store.refs.set({ name, target });
    await store.images.put({ id: key, manifest: target, added: '2026-01-01T00:00:00Z', repoDigests: [] });
    for (const part of ['records', 'refs', 'images']) {
      const path = onlyFile(join(folder.path, part));
      writeFileSync(path, damage(readFileSync(path, 'utf8')));
    }
    expect(await store.records.get('results', key)).toBeUndefined();
    expect(await store.records.has('results', key)).toBe(false);
    expect(await store.refs.get(name)).toBeUndefined();
    expect(await store.refs.list()).toEqual([]);
    expect(await store.images.get(key)).toBeUndefined();
    expect(await store.images.list()).toEqual([]);

    // Writing again heals all three.
    await store.records.put('results', key, { a: 2 });
    await store.refs.set({ name, target });
    await store.images.put({ id: key, manifest: target, added: '2026-01-01T00:00:00Z', repoDigests: [] });
    expect(await store.records.get('results', key)).toEqual({ a: 2 });
    expect(await store.refs.get(name)).toEqual({ name, target });
    expect(await store.images.get(key)).toBeDefined();
  });

  it('a record in the place of another is not taken for it', async () => {
    using folder = tempFolder('damage');
    await using store = await openStore(folder.path);
    await store.records.put('results', key, 'of key');
    const path = onlyFile(join(folder.path, 'records'));
    await store.records.put('results', digestOf('other'), 'of other');
    const [other = ''] = readdirSync(join(folder.path, 'records'), { recursive: true, encoding: 'utf8' })
      .filter((found) => found.includes(digestOf('other')))
      .map((found) => join(folder.path, 'records', found));
    renameSync(other, path);
    expect(await store.records.get('results', key)).toBeUndefined();
  });

  it('a file that the system refuses to open is no absent one', async () => {
    using folder = tempFolder('damage');
    await using store = await openStore(folder.path);
    const target = { mediaType: mediaTypes.manifest, digest: digestOf('m'), size: 1 };
    await store.records.put('results', key, 1);
    await store.refs.set({ name, target });
    for (const part of ['records', 'refs']) {
      const path = onlyFile(join(folder.path, part));
      unlinkSync(path);
      symlinkSync(path, path);
    }
    await expect(store.records.get('results', key)).rejects.toMatchObject({ code: 'IO_ERROR' });
    await expect(store.refs.get(name)).rejects.toMatchObject({ code: 'IO_ERROR' });
  });

  it('S-70 an index.json that a crash left behind is made right by the next change of a name', async () => {
    using folder = tempFolder('damage');
    await using store = await openStore(folder.path);
    const ref = { name, target: { mediaType: mediaTypes.manifest, digest: digestOf('m'), size: 1 } };
    await store.refs.set(ref);
    const path = join(store.layout, 'index.json');
    const right = readFileSync(path, 'utf8');
    for (const wrong of [
      '',
      '{"schemaVersion":2,"manifests":[]}',
      right.replaceAll(digestOf('m'), digestOf('n')),
    ]) {
      writeFileSync(path, wrong);
      await store.refs.set(ref);
      expect(readFileSync(path, 'utf8')).toBe(right);
    }
  });
});
