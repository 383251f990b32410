import { once } from 'node:events';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';

import { exportCaches, cachesToExport, importCaches } from '../../../src/ops/cache-mounts/index.ts';
import { listName } from '../../../src/ops/cache-mounts/archive-form.ts';
import { openStore, type Store } from '../../../src/store/index.ts';
import { cacheFolder, cacheName } from '../../support/cache-folder.ts';
import { tsbuild } from '../../support/cli.ts';
import { until } from '../../support/holdings.ts';
import { makeTar, streamOf, type TarSpec } from '../../support/make-tar.ts';
import { storeProcess } from '../../support/store-process.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { treeOfFolder } from '../../support/tree.ts';

function listOf(...caches: readonly unknown[]): TarSpec {
  return list({ kind: 'tsbuild.cache-mounts', version: 1, caches });
}

function list(content: unknown): TarSpec {
  return { path: listName, body: typeof content === 'string' ? content : JSON.stringify(content) };
}

const folder = (path: string): TarSpec => ({ path, type: 'directory' });
const digest = `sha256:${'0'.repeat(64)}`;

let root: string;
let store: Store;
let outside: string;

/** A store with one cache mount, and a file beside the store that no archive may reach. */
beforeEach(async () => {
  const place = tempFolder('caches').path;
  [root, outside] = [join(place, 'root'), join(place, 'outside')];
  writeFileSync(outside, 'untouched');
  store = await openStore(root);
  await store.records.put('mounts', cacheName('there'), { id: 'there' });
  mkdirSync(cacheFolder(root, 'there'), { recursive: true });
  writeFileSync(join(cacheFolder(root, 'there'), 'file'), 'as it was');
  return () => store[Symbol.asyncDispose]();
});

const signal = new AbortController().signal;

function silent(): void {
  // Nobody asks.
}

function importOf(archive: Uint8Array | readonly TarSpec[], id?: string): Promise<readonly string[]> {
  const bytes = archive instanceof Uint8Array ? archive : makeTar(archive);
  return importCaches(store, streamOf(bytes), { id, signal, warn: silent });
}

async function exported(): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const sink = async (chunk: Uint8Array): Promise<void> => void chunks.push(Buffer.from(chunk));
  const caches = await cachesToExport(store, { ids: [], warn: silent });
  await exportCaches(store, caches, sink, { compression: 'none', signal, warn: silent });
  return Buffer.concat(chunks);
}

describe('B-04 S-30 S-34 archives of cache mounts that are refused change nothing', () => {
  const good = [listOf({ id: 'there' }), folder('0')];
  it.each<readonly [what: string, archive: readonly TarSpec[] | Buffer, code: string, message: RegExp]>([
    ['no tar', Buffer.alloc(4096, 'text'), 'ARCHIVE_INVALID', /no tar/],
    ['nothing at all', Buffer.alloc(0), 'ARCHIVE_INVALID', /no tar/],
    [
      'some other tar',
      [{ path: 'manifest.json', body: '[]' }],
      'ARCHIVE_INVALID',
      /none of `tsbuild cache export`/,
    ],
    [
      'a cut one',
      makeTar([...good, { path: '0/a', body: 'x'.repeat(9000) }]).subarray(0, 6000),
      'ARCHIVE_INVALID',
      /./,
    ],
    ['a list that is no JSON', [list('{'), folder('0')], 'ARCHIVE_INVALID', /no list/],
    ['a list of bytes', [list('"\xff"'), folder('0')], 'ARCHIVE_INVALID', /no list/],
    ['a list of another kind', [list({ caches: [] })], 'ARCHIVE_INVALID', /no list/],
    [
      'a later version',
      [list({ kind: 'tsbuild.cache-mounts', version: 2, caches: [] })],
      'ARCHIVE_INVALID',
      /version/,
    ],
    ['no caches', [list({ kind: 'tsbuild.cache-mounts', version: 1 })], 'ARCHIVE_INVALID', /no caches/],
    ['an id that is none', [listOf({ id: 7 }), folder('0')], 'ARCHIVE_INVALID', /a cache that is none/],
    ['an empty id', [listOf({ id: '' }), folder('0')], 'ARCHIVE_INVALID', /a cache that is none/],
    [
      'an endless id',
      [listOf({ id: 'x'.repeat(5000) }), folder('0')],
      'ARCHIVE_INVALID',
      /a cache that is none/,
    ],
    [
      'an owner that is none',
      [listOf({ id: 'a', attributes: { mode: 1, uid: -1, gid: 0 } }), folder('0')],
      'ARCHIVE_INVALID',
      /none/,
    ],
    [
      'a seed that is none',
      [listOf({ id: 'a', seed: { path: '/', digest: 'x' } }), folder('0')],
      'ARCHIVE_INVALID',
      /none/,
    ],
    ['one twice', [listOf({ id: 'a' }, { id: 'a' }), folder('0'), folder('1')], 'ARCHIVE_INVALID', /twice/],
    [
      'one that lacks',
      [listOf({ id: 'there' }, { id: 'b' }), folder('0')],
      'ARCHIVE_INVALID',
      /lacks the cache mount "b"/,
    ],
    ['a file for a folder', [listOf({ id: 'a' }), { path: '0', body: '' }], 'ARCHIVE_INVALID', /lacks/],
    [
      'a link for a folder',
      [listOf({ id: 'a' }), { path: '0', type: 'symlink', link: '/etc' }],
      'ARCHIVE_INVALID',
      /lacks/,
    ],
    [
      'a link for the list',
      [{ path: listName, type: 'symlink', link: '/etc/passwd' }, folder('0')],
      'ARCHIVE_INVALID',
      /none of/,
    ],
    [
      'a name that leads out',
      [...good, { path: '0/../../../../outside', body: 'changed' }],
      'ARCHIVE_INVALID',
      /./,
    ],
    [
      'a link to the host',
      [...good, { path: '0/h', type: 'hardlink', link: '../../../outside' }],
      'ARCHIVE_INVALID',
      /./,
    ],
    ['a device', [...good, { path: '0/sda', type: 'block', device: [8, 0] }], 'ARCHIVE_INVALID', /a device/],
    [
      'the device of whiteouts',
      [...good, { path: '0/w', type: 'char', device: [0, 0] }],
      'ARCHIVE_INVALID',
      /device/,
    ],
  ])('%s', async (_, archive, code, message) => {
    const before = await treeOfFolder(join(root, 'cache-mounts'), { times: true });
    await expect(importOf(archive)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
    expect(await treeOfFolder(join(root, 'cache-mounts'), { times: true })).toEqual(before);
    expect(readFileSync(outside, 'utf8')).toBe('untouched');
    expect(await treeOfFolder(join(root, 'tmp'))).toEqual(
      expect.not.arrayContaining([
        expect.objectContaining({ path: expect.stringContaining('unpacked') as string }),
      ]),
    );
  });

  it('S-34 a link inside a cache is kept as a link, and nothing is written through it', async () => {
    await importOf([
      ...good,
      { path: '0/out', type: 'symlink', link: '../../../../outside' },
      { path: '0/dir', type: 'symlink', link: '/' },
      { path: '0/out', body: 'changed' },
      { path: '0/dir/outside', body: 'changed' },
    ]).catch(silent);
    expect(readFileSync(outside, 'utf8')).toBe('untouched');
  });

  it('one id for several cache mounts', async () => {
    const two = [listOf({ id: 'a' }, { id: 'b' }), folder('0'), folder('1')];
    await expect(importOf(two, 'c')).rejects.toMatchObject({
      code: 'USAGE',
      message: /holds 2 cache mounts/,
    });
  });

  it('a name is made from what the list says, never taken from it', async () => {
    const seeded = { id: '../../x', seed: { path: '/../..', digest }, folder: '../../outside' };
    expect(await importOf([listOf(seeded), folder('0')])).toEqual(['../../x']);
    expect(
      (await treeOfFolder(join(root, 'cache-mounts')))
        .map(({ path }) => path)
        .filter((path) => path.length < 60),
    ).toEqual([]);
  });
});

describe('B-04 cache mounts that a build uses', () => {
  it.each(['export', 'import'])('an %s waits for the build, and says so once', async (action) => {
    const lease = JSON.stringify({ snapshot: `cache-${cacheName('there')}` });
    await using build = storeProcess(root, 'lease', lease);
    expect(await build.line()).toBe('leased');
    const order: string[] = [];
    const warn = (message: string): void => {
      order.push(message);
      void build.finish().then(() => order.push('the build has ended'));
    };
    if (action === 'export') {
      const caches = await cachesToExport(store, { ids: ['there'], warn });
      await exportCaches(store, caches, async () => undefined, { compression: 'zstd', signal, warn });
    } else {
      const archive = makeTar([listOf({ id: 'there' }), folder('0'), { path: '0/new', body: 'new' }]);
      await importCaches(store, streamOf(archive), { signal, warn });
      expect(readFileSync(join(cacheFolder(root, 'there'), 'new'), 'utf8')).toBe('new');
    }
    expect(order[0]).toBe('waiting for the builds that use the cache mount "there"');
    expect(order.filter((line) => line.startsWith('waiting'))).toHaveLength(1);
    expect(await build.finish()).toBe(0);
  });

  it('waiting can be interrupted, and leaves nothing locked', async () => {
    await using lease = await store.lease();
    await lease.keep({ snapshot: `cache-${cacheName('there')}` });
    const stop = new AbortController();
    const caches = await cachesToExport(store, { ids: [], warn: silent });
    const sink = async (): Promise<void> => undefined;
    const warn = (): void => stop.abort(new Error('enough'));
    await expect(
      exportCaches(store, caches, sink, { compression: 'zstd', signal: stop.signal, warn }),
    ).rejects.toThrow('enough');
    await using lock = await store.tryLock(`cache-made-${cacheName('there')}`);
    expect(lock).toBeDefined();
  });

  it('a pipe that gives nothing more can be left, and changes nothing', async () => {
    const archive = makeTar([
      listOf({ id: 'there' }),
      folder('0'),
      { path: '0/half', body: 'x'.repeat(9000) },
    ]);
    const child = tsbuild(root).start(['cache', 'import', '-']);
    const ended = once(child, 'close');
    child.stdin?.write(archive.subarray(0, 6000));
    const unpacked = { cwd: join(root, 'tmp') };
    await until(() => globSync('*/*/unpacked/0/half', unpacked).length > 0);
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(130);
    expect(globSync('*/*/unpacked', unpacked)).toEqual([]);
    expect(readFileSync(join(cacheFolder(root, 'there'), 'file'), 'utf8')).toBe('as it was');
  });

  it('a reader that goes away ends an export', async () => {
    writeFileSync(join(cacheFolder(root, 'there'), 'large'), Buffer.alloc(20_000_000, 'x'));
    const caches = await cachesToExport(store, { ids: [], warn: silent });
    const sink = (): Promise<void> => Promise.reject(new Error('nobody reads'));
    for (const compression of ['zstd', 'gzip', 'none'] as const)
      await expect(exportCaches(store, caches, sink, { compression, signal, warn: silent })).rejects.toThrow(
        'nobody reads',
      );
  });

  it('are not removed', async () => {
    await using lease = await store.lease();
    await lease.keep({ snapshot: `cache-${cacheName('there')}` });
    const { status, stdout, stderr } = await tsbuild(root).run(['cache', 'rm', 'there']);
    expect([status, stdout]).toEqual([1, 'Total reclaimed space: 0B\n']);
    expect(stderr).toMatch(
      /^tsbuild: a build that runs uses the cache mount [0-9a-f]{12} there \[CACHE_IN_USE\]\n {2}hint: /,
    );
    expect(readFileSync(join(cacheFolder(root, 'there'), 'file'), 'utf8')).toBe('as it was');
  });

  it('what comes back is what went', async () => {
    const archive = await exported();
    writeFileSync(join(cacheFolder(root, 'there'), 'file'), 'changed meanwhile');
    expect(await importOf(archive)).toEqual(['there']);
    expect(readFileSync(join(cacheFolder(root, 'there'), 'file'), 'utf8')).toBe('as it was');
  });

  it('of one that nobody knows is told, and of none that there is none', async () => {
    mkdirSync(cacheFolder(root, 'foreign'));
    const told: string[] = [];
    const caches = await cachesToExport(store, { ids: [], warn: (message) => told.push(message) });
    expect(caches.map(({ id }) => id)).toEqual(['there']);
    expect(told).toEqual([expect.stringContaining('nobody knows what it began with')]);
    await expect(cachesToExport(store, { ids: ['thre'], warn: silent })).rejects.toMatchObject({
      code: 'CACHE_NOT_FOUND',
    });
  });
});
