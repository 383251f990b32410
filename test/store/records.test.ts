import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { mediaTypes } from '../../src/oci/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { openRecords } from '../../src/store/records.ts';
import { openSettled } from '../../src/store/settled.ts';
import { TempSpace } from '../../src/store/temp.ts';
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

describe('power loss (records and boots)', () => {
  const [thisBoot, laterBoot] = [
    '11111111-1111-4111-8111-111111111111',
    '22222222-2222-4222-8222-222222222222',
  ];

  /** The store's records as a process of another boot sees them. */
  function recordsOf(store: Store, boot: string) {
    const staging = new TempSpace(join(store.root, 'tmp'));
    const synced: number[] = [];
    const settled = openSettled({
      folder: join(store.root, 'settled'),
      staging,
      boot,
      sync: () => void synced.push(1),
    });
    const records = openRecords(join(store.root, 'records'), staging, settled);
    return { records, settle: () => settled.settle(), synced };
  }

  it('a record is trusted in its own boot, settled or not', async () => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    const writer = recordsOf(store, thisBoot);
    await writer.records.put('results', key, 1);
    expect(await recordsOf(store, thisBoot).records.get('results', key)).toBe(1);
    writer.settle();
    expect(await recordsOf(store, thisBoot).records.get('results', key)).toBe(1);
  });

  it('a record of another boot is a miss unless it was settled', async () => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    const writer = recordsOf(store, thisBoot);
    await writer.records.put('results', key, 'before');
    writer.settle();
    expect(writer.synced).toHaveLength(1);
    await writer.records.put('results', digestOf('late'), 'after');

    const reader = recordsOf(store, laterBoot).records;
    expect(await reader.get('results', key)).toBe('before');
    expect(await reader.has('results', key)).toBe(true);
    expect(await reader.get('results', digestOf('late'))).toBeUndefined();
    expect(await reader.has('results', digestOf('late'))).toBe(false);
  });

  it('settling again covers what came since, and never takes back', async () => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    const [one, two] = [recordsOf(store, thisBoot), recordsOf(store, thisBoot)];
    await one.records.put('results', key, 1);
    two.settle();
    await one.records.put('results', digestOf('b'), 2);
    one.settle();
    const reader = recordsOf(store, laterBoot).records;
    expect(await reader.get('results', key)).toBe(1);
    expect(await reader.get('results', digestOf('b'))).toBe(2);
  });

  it.each(['', '{"at":9', `{"at":9e15,"boot":"${laterBoot}"}`])(
    'S-70 what was settled before stays so when the newest mark reads %j after the power loss',
    async (damaged) => {
      using folder = tempFolder('boot');
      await using store = await openStore(folder.path);
      const writer = recordsOf(store, thisBoot);
      const marks = join(store.root, 'settled');
      const kept = new Map<string, string>();
      for (const name of ['a', 'b', 'c', 'd']) {
        await writer.records.put('results', digestOf(name), name);
        writer.settle();
        const changed = readdirSync(marks).filter((mark) => {
          const text = readFileSync(join(marks, mark), 'utf8');
          return text !== kept.get(mark) && kept.set(mark, text);
        });
        expect(changed).toHaveLength(1);
        writeFileSync(join(marks, changed[0] ?? ''), damaged);
        const reader = recordsOf(store, laterBoot).records;
        const known = ['a', 'b', 'c', 'd'].filter((each) => each < name);
        for (const each of known) expect(await reader.get('results', digestOf(each))).toBe(each);
        expect(await reader.get('results', digestOf(name))).toBeUndefined();
        writeFileSync(join(marks, changed[0] ?? ''), kept.get(changed[0] ?? '') ?? '');
      }
    },
  );

  it('a sync that fails settles nothing', async () => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    const staging = new TempSpace(join(store.root, 'tmp'));
    const failing = openSettled({
      folder: join(store.root, 'settled'),
      staging,
      boot: thisBoot,
      sync: () => {
        throw Object.assign(new Error('EIO: i/o error, syncfs'), { code: 'EIO' });
      },
    });
    await openRecords(join(store.root, 'records'), staging, failing).put('results', key, 1);
    expect(() => failing.settle()).toThrow(expect.objectContaining({ code: 'IO_ERROR' }) as Error);
    expect(await recordsOf(store, laterBoot).records.get('results', key)).toBeUndefined();
  });

  it.each(['', '../../x', 'not-a-boot', '11111111-1111-4111-8111-111111111111/../x'])(
    'S-43 a record that says it is of boot %j is a miss',
    async (boot) => {
      using folder = tempFolder('boot');
      await using store = await openStore(folder.path);
      await store.records.put('results', key, 1);
      const path = onlyFile(join(folder.path, 'records'));
      const envelope = JSON.parse(readFileSync(path, 'utf8')) as object;
      writeFileSync(path, JSON.stringify({ ...envelope, boot }));
      expect(await store.records.get('results', key)).toBeUndefined();
    },
  );

  it('settle of a store is one call for everybody, with the real sync', async () => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    await store.records.put('results', key, 1);
    await store.settle();
    expect(await recordsOf(store, laterBoot).records.get('results', key)).toBe(1);
  });
});
