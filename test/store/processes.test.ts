import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf, type Digest } from '../../src/core/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { storeProcess } from '../support/store-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const eight = Array.from({ length: 8 }, (_, index) => index);

describe('S-71 eight processes on one store', () => {
  const bytes = randomBytes(3_000_000);
  const digest = digestOf(bytes);

  it.each<[string, Buffer | undefined]>([
    ['absent', undefined],
    ['empty', Buffer.alloc(0)],
    ['a truncated prefix', bytes.subarray(0, 1_000_000)],
    ['garbage of the same size', Buffer.alloc(bytes.length, 1)],
  ])('race on one blob that is %s', async (_name, before) => {
    using folder = tempFolder('race');
    const source = join(folder.path, 'source');
    writeFileSync(source, bytes);
    await using store = await openStore(join(folder.path, 'store'));
    if (before !== undefined) {
      mkdirSync(dirname(store.blobs.path(digest)), { recursive: true });
      writeFileSync(store.blobs.path(digest), before);
    }
    await using stack = new AsyncDisposableStack();
    const racers = eight.map(() => stack.use(storeProcess(store.root, 'put', source)));
    for (const racer of racers) expect(await racer.line()).toBe('ready');
    const results = await Promise.all(
      racers.map(async (racer) => {
        const ended = racer.finish();
        return [await racer.line(), await ended];
      }),
    );
    expect(results).toEqual(eight.map(() => [digest, 0]));
    expect(await store.blobs.read(digest)).toEqual(bytes);
    expect(readdirSync(join(store.root, 'tmp'))).toEqual([]);
  });

  it('open a store that does not exist yet, and name an image each', async () => {
    using folder = tempFolder('race');
    const root = join(folder.path, 'new/store');
    const names = eight.map((index) => `docker.io/library/app${index}:latest`);
    await using stack = new AsyncDisposableStack();
    const racers = names.map((name) => stack.use(storeProcess(root, 'ref', name)));
    for (const racer of racers) expect(await racer.line()).toBe('ready');
    expect(await Promise.all(racers.map((racer) => racer.finish()))).toEqual(eight.map(() => 0));

    await using store = await openStore(root);
    expect((await store.refs.list()).map((ref) => ref.name)).toEqual(names);
    const index = JSON.parse(readFileSync(join(store.layout, 'index.json'), 'utf8')) as {
      manifests: unknown[];
    };
    expect(index.manifests).toHaveLength(8);
  });

  it('take turns on a lock', async () => {
    using folder = tempFolder('lock');
    await using store = await openStore(folder.path);
    await using stack = new AsyncDisposableStack();
    const counting = eight.map(() => stack.use(storeProcess(store.root, 'count')).finish());
    expect(await Promise.all(counting)).toEqual(eight.map(() => 0));
    expect(await store.records.get('ops', 'counter')).toBe(160);
    expect(readdirSync(join(store.root, 'locks'))).toEqual([]);
  });
});

describe('S-70 a process killed with -9', () => {
  it('in the middle of a put leaves no blob, and the next writer clears its rest away', async () => {
    using folder = tempFolder('kill');
    await using store = await openStore(folder.path);
    await using writer = storeProcess(store.root, 'put-half', 'x');
    expect(await writer.line()).toBe('writing');
    const staged = filesIn(join(store.root, 'tmp'));
    expect(staged.some((path) => statSync(path).size >= 1_000_000)).toBe(true);
    await writer.kill();

    expect(await digestsIn(store)).toEqual([]);
    const { digest } = await store.blobs.put(Buffer.from('next'));
    expect(await digestsIn(store)).toEqual([digest]);
    expect(staged.filter((path) => existsSync(path))).toEqual([]);
  });

  it('leaves its temporary folder to the next writer, which spares those of the living', async () => {
    using folder = tempFolder('kill');
    await using living = storeProcess(folder.path, 'temp-dir');
    await using dying = storeProcess(folder.path, 'temp-dir');
    const [kept, lost] = [await living.line(), await dying.line()];
    writeFileSync(join(kept, 'a'), 'a');
    mkdirSync(join(lost, 'deep/er'), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${lost}/deep/`), Buffer.from([0xff, 0xfe])]), 'not UTF-8');
    await dying.kill();

    await using store = await openStore(folder.path);
    await using mine = await store.tempDir();
    expect(existsSync(join(kept, 'a'))).toBe(true);
    expect(existsSync(lost)).toBe(false);
    expect(dirname(mine.path)).not.toBe(dirname(kept));
    expect(await living.finish()).toBe(0);
    expect(existsSync(kept)).toBe(false);
  });

  it('is cleared up after once, when it had a lease, by the first that asks and comes to its end', async () => {
    using folder = tempFolder('deaths');
    await using store = await openStore(folder.path);
    const names = (kind: 'leases' | 'locks'): readonly string[] =>
      readdirSync(join(store.root, kind)).toSorted();
    const snapshot = JSON.stringify({ snapshot: 'a' });
    await using living = storeProcess(store.root, 'lease', snapshot);
    expect(await living.line()).toBe('leased');
    const others = { leases: names('leases'), locks: names('locks') };
    await using dying = storeProcess(store.root, 'lease', snapshot);
    expect(await dying.line()).toBe('leased');
    const all = { leases: names('leases'), locks: names('locks') };
    expect([all.leases.length, all.locks.length]).toEqual([2, 2]);
    const cleared: unknown[] = [];
    const clear = async (): Promise<void> => {
      cleared.push({ leases: names('leases'), locks: names('locks') });
    };
    await store.afterDeaths(clear);
    expect(cleared).toEqual([]);
    await dying.kill();

    // Killed in the middle, and failing: as if nobody had asked, for the same store and for others.
    await using killed = storeProcess(store.root, 'after-deaths');
    expect(await killed.line()).toBe('clearing');
    await store.afterDeaths(clear);
    expect(cleared).toEqual([]);
    await killed.kill();
    await expect(store.afterDeaths(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(names('leases')).toEqual(all.leases);
    await using next = storeProcess(store.root, 'after-deaths');
    expect(await next.line()).toBe('clearing');
    await next.kill();

    await store.afterDeaths(clear);
    expect(cleared).toEqual([{ leases: all.leases, locks: others.locks }]);
    expect({ leases: names('leases'), locks: names('locks') }).toEqual(others);
    await store.afterDeaths(clear);
    expect(cleared).toHaveLength(1);
    expect(await living.finish()).toBe(0);
    await store.afterDeaths(clear);
    expect(cleared).toHaveLength(1);
  });

  it('holds no lock, and the waiter that was told of it goes on', async () => {
    using folder = tempFolder('kill');
    await using store = await openStore(folder.path);
    await using holder = storeProcess(store.root, 'lock', 'build');
    expect(await holder.line()).toBe('locked');
    expect(await store.tryLock('build')).toBeUndefined();

    const told: string[] = [];
    const waiting = store.lock('build', { onWait: (pid) => told.push(pid) });
    await expect.poll(() => told).toHaveLength(1);
    expect(told[0]).toMatch(/^\d+$/);
    await holder.kill();
    await using lock = await waiting;
    expect(lock.name).toBe('build');
    expect(told).toHaveLength(1);
  });
});

describe('locks', () => {
  it('are one holder each, free after their scope, and leave no file', async () => {
    using folder = tempFolder('locks');
    await using store = await openStore(folder.path);
    {
      await using first = await store.tryLock('a');
      expect(first?.name).toBe('a');
      expect(await store.tryLock('a')).toBeUndefined();
      await using other = await store.tryLock('b');
      expect(other).toBeDefined();
      expect(readdirSync(join(store.root, 'locks')).sort()).toEqual(['a', 'b']);
    }
    expect(readdirSync(join(store.root, 'locks'))).toEqual([]);
    await using again = await store.tryLock('a');
    expect(again).toBeDefined();
  });

  it('S-73 a waiter can be interrupted', async () => {
    using folder = tempFolder('locks');
    await using store = await openStore(folder.path);
    await using _held = await store.lock('a');
    const controller = new AbortController();
    const waiting = store.lock('a', { signal: controller.signal, onWait: () => controller.abort() });
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it.each(['', '.', '..', 'a/b', '../x', 'a\0', '.a', 'x'.repeat(201)])(
    'S-43 refuses the name %j',
    async (name) => {
      using folder = tempFolder('locks');
      await using store = await openStore(folder.path);
      await expect(store.lock(name)).rejects.toThrow('not the name of a lock');
      await expect(store.tryLock(name)).rejects.toThrow('not the name of a lock');
    },
  );
});

async function digestsIn(store: Store): Promise<Digest[]> {
  const digests: Digest[] = [];
  for await (const digest of store.blobs.list()) digests.push(digest);
  return digests;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}
