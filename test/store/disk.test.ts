import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf, type Digest } from '../../src/core/index.ts';
import { collectGarbage, openStore, type Store } from '../../src/store/index.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** A file system of its own, gone with its scope. */
async function mounted(options: string): Promise<{ readonly path: string } & AsyncDisposable> {
  const { path } = tempFolder('disk');
  await runOk(['mount', '-t', 'tmpfs', '-o', options, 'tsbuild-test', path]);
  return { path, [Symbol.asyncDispose]: () => unmount(path) };
}

async function unmount(path: string): Promise<void> {
  await runOk(['umount', '-l', path]);
}

async function* endless(): AsyncIterable<Uint8Array> {
  for (;;) yield randomBytes(100_000);
}

const ref = 'docker.io/library/app:latest';
const target = (digest: Digest) => ({ mediaType: 'application/json', digest, size: 2 });

/** Every way to write into a store. */
const writes: readonly (readonly [string, (store: Store) => Promise<unknown>])[] = [
  ['a stream', (store) => store.blobs.put(endless())],
  ['bytes', (store) => store.blobs.put(randomBytes(1_000_000))],
  [
    'a ref',
    (store) =>
      store.refs.set({
        name: ref,
        target: { ...target(digestOf('x')), annotations: { a: 'x'.repeat(500_000) } },
      }),
  ],
  ['a record', (store) => store.records.put('results', digestOf('new'), 'x'.repeat(500_000))],
  [
    'an image',
    (store) =>
      store.images.put({
        id: digestOf('x'),
        manifest: target(digestOf('x')),
        added: 'x'.repeat(500_000),
        repoDigests: [],
      }),
  ],
];

function leftovers(store: Store): string[] {
  return readdirSync(join(store.root, 'tmp'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\/\d+$/.test(name),
  );
}

describe('S-72 a disk that is full', () => {
  requires('root');

  it.each(writes)(
    'while writing %s is one clear error, and nothing is lost or left',
    async (_name, write) => {
      await using disk = await mounted('size=2m');
      await using store = await openStore(join(disk.path, 'store'));
      const { digest } = await store.blobs.put(Buffer.from('{}'));
      await store.refs.set({ name: ref, target: target(digest) });
      await store.records.put('results', digest, 'kept');
      writeFileSync(join(disk.path, 'ballast'), Buffer.alloc(1_700_000));

      await expect(write(store)).rejects.toMatchObject({
        code: 'DISK_FULL',
        hint: expect.stringContaining('--root') as string,
      });

      expect(leftovers(store)).toEqual([]);
      expect(await store.blobs.read(digest)).toEqual(Buffer.from('{}'));
      expect(await store.refs.list()).toEqual([{ name: ref, target: target(digest) }]);
      expect(await store.records.get('results', digest)).toBe('kept');
      expect(await store.records.get('results', digestOf('new'))).toBeUndefined();
      expect(await store.images.list()).toEqual([]);
      const digests: Digest[] = [];
      for await (const found of store.blobs.list()) digests.push(found);
      expect(digests).toEqual([digest]);
    },
  );

  it('while the store is made leaves one that opens once there is room', async () => {
    await using disk = await mounted('size=64k,nr_inodes=12');
    const root = join(disk.path, 'store');
    await expect(openStore(root)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await runOk(['mount', '-o', 'remount,size=2m,nr_inodes=1000', disk.path]);
    await using store = await openStore(root);
    const { digest } = await store.blobs.put(Buffer.from('x'));
    expect(await store.blobs.read(digest)).toEqual(Buffer.from('x'));
  });

  it('to the last byte still lets names be removed and garbage be collected', async () => {
    await using disk = await mounted('size=2m');
    await using store = await openStore(join(disk.path, 'store'));
    await store.blobs.put(Buffer.alloc(500_000));
    await store.refs.set({ name: ref, target: target(digestOf('x')) });
    expect(() => writeFileSync(join(disk.path, 'ballast'), Buffer.alloc(4_000_000))).toThrow('ENOSPC');
    expect(await store.refs.delete(ref)).toBe(true);
    expect(await collectGarbage(store, { liveItems: () => [] })).toMatchObject({ bytes: 500_000 });
    await store.refs.set({ name: ref, target: target(digestOf('y')) });
    expect(readFileSync(join(store.layout, 'index.json'), 'utf8')).not.toContain(digestOf('x'));
  });
});

describe('S-72 a store that cannot be written to', () => {
  requires('root');

  it('is read all the same, and says so when something writes', async () => {
    await using disk = await mounted('size=8m');
    const root = join(disk.path, 'store');
    let digest: Digest;
    {
      await using store = await openStore(root);
      ({ digest } = await store.blobs.put(Buffer.from('{}')));
      await store.refs.set({ name: ref, target: target(digest) });
      await store.records.put('results', digest, 'kept');
    }
    await runOk(['mount', '-o', 'remount,ro', disk.path]);
    await using store = await openStore(root);
    expect(await store.blobs.read(digest)).toEqual(Buffer.from('{}'));
    expect(await store.refs.get(ref)).toMatchObject({ name: ref });
    expect(await store.records.get('results', digest)).toBe('kept');
    for (const [, write] of writes)
      await expect(write(store)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(store.tempDir()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(store.lock('a')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(store.lease()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    // The name is in place already: nothing is written, so nothing fails.
    await store.refs.set({ name: ref, target: target(digest) });
  });
});

describe('files that are not what they should be', () => {
  it('S-78 a folder in the place of a blob is an error with a code', async () => {
    using folder = tempFolder('disk');
    await using store = await openStore(folder.path);
    const digest = digestOf('x');
    mkdirSync(join(store.blobs.path(digest), 'x'), { recursive: true });
    expect(await store.blobs.stat(digest)).toBeUndefined();
    await expect(store.blobs.read(digest)).rejects.toMatchObject({ code: 'IO_ERROR' });
    await expect(store.blobs.put(Buffer.from('x'))).rejects.toMatchObject({ code: 'IO_ERROR' });
  });
});
