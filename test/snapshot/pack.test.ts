import fc from 'fast-check';
import { constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import {
  overlaySnapshotter,
  packLayer,
  packSnapshot,
  type Change,
  type PackedLayer,
  type Snapshot,
  type Snapshotter,
} from '../../src/snapshot/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { randomEdits, tryEdits } from '../support/random-edits.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { changesOf, snapshotOf } from '../support/snapshotter-suite.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { bytes, editTree } from '../support/tree-edits.ts';
import { diffTrees, treeOfFolder } from '../support/tree.ts';
import { unpackWithUmoci } from '../support/umoci.ts';

interface Machine {
  readonly store: Store;
  readonly snapshotter: Snapshotter;
}

async function machine(): Promise<Machine> {
  const store = await openStore(join(tempFolder('pack').path, 'store'));
  return { store, snapshotter: overlaySnapshotter(store.snapshots) };
}

async function packed({ store, snapshotter }: Machine, snapshot: Snapshot): Promise<PackedLayer> {
  return packSnapshot(snapshotter, snapshot, store.blobs);
}

const everyKind = [
  'file bin/tool 4755 content',
  'dir etc/conf.d 0750',
  'file etc/conf.d/x 0640 y',
  'symlink etc/link ../bin/tool',
  'hardlink etc/hard bin/tool',
  'char dev/null 1:3',
  'block dev/sda 8:0',
  'fifo run/pipe 0600',
  'file var/\\xff\\n 0644',
  'xattr bin/tool security.capability 0100000200040000000000000000000000000000',
  'chown etc/conf.d/x 3000000:3000001',
];
const parents = ['dir bin 0755', 'dir etc 0755', 'dir dev 0755', 'dir run 0755', 'dir var 0755'];
const fixedTimes = [
  'bin',
  'bin/tool',
  'etc',
  'etc/conf.d',
  'etc/conf.d/x',
  'etc/link',
  'dev',
  'dev/null',
  'dev/sda',
]
  .concat('run', 'run/pipe', 'var', 'var/\\xff\\n')
  .map((path) => `time ${path} 1000000000`);

describe('a packed layer', () => {
  requires('overlay');

  it('O-35 O-36 is what GNU tar lists: relative names, whole seconds, no names of users, explicit whiteouts', async () => {
    requires('tool:tar');
    const here = await machine();
    const base = await snapshotOf(here.snapshotter, undefined, [
      'file gone 0644',
      'dir d 0755',
      'file d/old 0644',
    ]);
    const edits = [...parents, ...everyKind, ...fixedTimes, 'rm gone', 'rm d/old', 'time d 1000000000'];
    const layer = await packed(here, await snapshotOf(here.snapshotter, base, edits));
    const args = ['--full-time', '--quoting-style=escape', '-tvf', here.store.blobs.path(layer.diffId)];
    const listing = await runOk(['tar', ...args], { env: { ...process.env, TZ: 'UTC' } });
    const time = '2001-09-09 01:46:40';
    expect(listing.split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
      '---------- 0/0 0 1970-01-01 00:00:00 .wh.gone',
      `drwxr-xr-x 0/0 0 ${time} bin/`,
      `-rwsr-xr-x 0/0 7 ${time} bin/tool`,
      `drwxr-xr-x 0/0 0 ${time} d/`,
      '---------- 0/0 0 1970-01-01 00:00:00 d/.wh.old',
      `drwxr-xr-x 0/0 0 ${time} dev/`,
      `crw-r--r-- 0/0 1,3 ${time} dev/null`,
      `brw-r--r-- 0/0 8,0 ${time} dev/sda`,
      `drwxr-xr-x 0/0 0 ${time} etc/`,
      `drwxr-x--- 0/0 0 ${time} etc/conf.d/`,
      `-rw-r----- 3000000/3000001 1 ${time} etc/conf.d/x`,
      `hrwsr-xr-x 0/0 0 ${time} etc/hard link to bin/tool`,
      `lrwxrwxrwx 0/0 0 ${time} etc/link -> ../bin/tool`,
      `drwxr-xr-x 0/0 0 ${time} run/`,
      `prw------- 0/0 0 ${time} run/pipe`,
      `drwxr-xr-x 0/0 0 ${time} var/`,
      `-rw-r--r-- 0/0 0 ${time} var/\\377\\n`,
    ]);
    expect(layer.entries).toBe(17);
    expect(layer.size).toBe(readFileSync(here.store.blobs.path(layer.diffId)).length);
  });

  it('has the same bytes in two stores, in whatever order the tree was made', async () => {
    const [one, two] = [await machine(), await machine()];
    const many = Array.from({ length: 300 }, (_, i) => `file many/f${i} 0644 ${i}`);
    const manyTimes = ['time many 1', ...many.map((line) => `time ${line.split(' ')[1] ?? ''} 1`)];
    const first = [...parents, 'dir many 0755', ...everyKind, ...many, ...fixedTimes, ...manyTimes];
    const second = [
      'dir many 0755',
      ...parents.toReversed(),
      ...many.toReversed(),
      ...everyKind,
      ...manyTimes,
      ...fixedTimes,
    ];
    const layers = [
      await packed(one, await snapshotOf(one.snapshotter, undefined, first)),
      await packed(two, await snapshotOf(two.snapshotter, undefined, second)),
    ];
    expect(layers[0]).toEqual(layers[1]);
  });

  it('the digest of the changes knows contents and attributes, and no times', async () => {
    const here = await machine();
    const base = await snapshotOf(here.snapshotter, undefined, ['file x 0644 x', 'file y 0644 y']);
    const variant = async (...edits: string[]): Promise<PackedLayer> =>
      packed(here, await snapshotOf(here.snapshotter, base, edits));
    const plain = await variant('file f 0644 text', 'time f 5', 'rm x');
    const later = await variant('file f 0644 text', 'time f 6', 'rm x');
    expect(later.changesDigest).toBe(plain.changesDigest);
    expect(later.diffId).not.toBe(plain.diffId);
    const others = [
      await variant('file f 0644 tex_', 'time f 5', 'rm x'),
      await variant('file f 0600 text', 'time f 5', 'rm x'),
      await variant('file f 0644 text', 'time f 5', 'rm y'),
      await variant('file f 0644 text', 'chown f 1:0', 'time f 5', 'rm x'),
      await variant('file f 0644 text', 'xattr f user.a 00', 'time f 5', 'rm x'),
      await variant('file f 0644 text', 'time f 5'),
      await variant('file f 0644 text', 'hardlink g f', 'time f 5', 'rm x'),
      await variant('file f 0644 text', 'file g 0644 text', 'time f 5', 'rm x'),
      await variant(),
    ];
    expect(new Set([plain, ...others].map(({ changesDigest }) => changesDigest)).size).toBe(
      others.length + 1,
    );
  });

  it('times can be bounded from above', async () => {
    const here = await machine();
    const snapshot = await snapshotOf(here.snapshotter, undefined, [
      'file new 0644',
      'file old 0644',
      'time old 5',
    ]);
    const layer = await packSnapshot(here.snapshotter, snapshot, here.store.blobs, { latest: 86_400 });
    const listing = await runOk(['tar', '--utc', '-tvf', here.store.blobs.path(layer.diffId)]);
    expect(listing.split('\n').map((line) => line.replace(/^.* 0 /, ''))).toEqual([
      '1970-01-02 00:00 new',
      '1970-01-01 00:00 old',
    ]);
  });

  it('holds files of every size around the buffers, and of several chunks', async () => {
    const here = await machine();
    const sizes = [
      0, 1, 511, 512, 513, 16_383, 16_384, 16_385, 32_768, 262_144, 1_048_575, 1_048_577, 5_000_000,
    ];
    const snapshot = await (async () => {
      await using active = await here.snapshotter.prepare(undefined);
      {
        await using mounted = await active.mount();
        for (const size of sizes)
          mounted.root.write(bytes(`f${size}`), Buffer.alloc(size, `${size},`), 0o644);
      }
      return await active.commit();
    })();
    const layer = await packed(here, snapshot);
    const tar = here.store.blobs.path(layer.diffId);
    const folder = tempFolder('unpacked').path;
    await runOk(['tar', '-xf', tar, '-C', folder]);
    for (const size of sizes) {
      expect(readFileSync(join(folder, `f${size}`)).equals(Buffer.alloc(size, `${size},`)), `${size}`).toBe(
        true,
      );
    }
  });

  it('a file that shrinks while it is read is an error, and no blob', async () => {
    const here = await machine();
    const { path } = tempFolder('shrunk');
    using root = openRootDir(path);
    editTree(root, ['file small 0644 x', `file large 0644 ${'x'.repeat(50_000)}`]);
    for (const name of ['small', 'large']) {
      const { mode, uid, gid, mtime, size } = root.lstat(bytes(name));
      const entry = { type: 'file' as const, mode, uid, gid, mtime, size: size + 1, xattrs: [] };
      const changes: Change[] = [{ kind: 'put', path: bytes(name), entry }];
      const packing = packLayer(changes, (file) => root.open(file, constants.O_RDONLY), here.store.blobs);
      await expect(packing).rejects.toThrow(/shorter/);
    }
    const left: string[] = [];
    for await (const digest of here.store.blobs.list()) left.push(digest);
    expect(left).toEqual([]);
  });

  it('can be interrupted', async () => {
    const here = await machine();
    const snapshot = await snapshotOf(here.snapshotter, undefined, ['file f 0644 x']);
    const signal = AbortSignal.abort();
    const packing = packSnapshot(here.snapshotter, snapshot, here.store.blobs, { signal });
    await expect(packing).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('O-35 O-36 O-38 layers of random edits, unpacked by umoci, are the merged tree', async () => {
    requires('tool:umoci', 'tool:getfattr');
    const here = await machine();
    await fc.assert(
      fc.asyncProperty(randomEdits, randomEdits, randomEdits, async (...steps) => {
        const layers: string[] = [];
        let top: Snapshot | undefined;
        for (const edits of steps) {
          await using active = await here.snapshotter.prepare(top);
          {
            await using mounted = await active.mount();
            tryEdits(mounted.root, edits);
          }
          top = await active.commit();
          layers.push(here.store.blobs.path((await packed(here, top)).diffId));
        }
        await using view = await here.snapshotter.view(top);
        const merged = await treeOfFolder(`/proc/${process.pid}/fd/${view.root.fd}/`, { times: true });
        const unpacked = await treeOfFolder(await unpackWithUmoci(layers), { times: true });
        expect(diffTrees(merged, unpacked)).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('a state copied up whole, with nothing changed, has no changes', async () => {
    const here = await machine();
    await fc.assert(
      fc.asyncProperty(randomEdits, async (edits) => {
        await using first = await here.snapshotter.prepare(undefined);
        {
          await using mounted = await first.mount();
          tryEdits(mounted.root, edits);
        }
        const base = await first.commit();
        await using second = await here.snapshotter.prepare(base);
        {
          await using mounted = await second.mount();
          const cwd = `/proc/${process.pid}/fd/${mounted.root.fd}`;
          await runOk(['find', '.', '-depth', '-exec', 'touch', '-h', '-r', '{}', '{}', ';'], { cwd });
        }
        const copied = await second.commit();
        expect(await namesOf(here, copied)).toEqual(await namesOf(here, base));
        expect(await changesOf(here.snapshotter, copied)).toEqual([]);
      }),
      { numRuns: 10 },
    );
  });
});

async function namesOf({ store }: Machine, { id }: Snapshot): Promise<string[]> {
  return (await treeOfFolder(join(store.snapshots, id, 'fs'))).map(({ path }) => path);
}
