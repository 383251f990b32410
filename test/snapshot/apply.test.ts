import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { applyLayer } from '../../src/snapshot/apply.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { debianBaseTar } from '../support/debian-base.ts';
import { makeTar, streamOf, type TarSpec } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { diffTrees, treeOfFolder, treeOfTar } from '../support/tree.ts';

/** A small base image of every kind of entry. */
const base: TarSpec[] = [
  { path: './', type: 'directory', mode: 0o755 },
  { path: './bin', type: 'symlink', link: 'usr/bin', mode: 0o777, mtime: 100 },
  { path: './dev/', type: 'directory', mtime: 200 },
  { path: './dev/null', type: 'char', device: [1, 3], mode: 0o666 },
  { path: './dev/sda', type: 'block', device: [8, 0], mode: 0o660, gid: 6 },
  { path: './run/', type: 'directory', mode: 0o1777 },
  { path: './run/pipe', type: 'fifo', mode: 0o600 },
  { path: './usr/', type: 'directory', mtime: 300 },
  { path: './usr/bin/', type: 'directory', mtime: 400 },
  { path: './usr/bin/su', mode: 0o4755, body: 'suid', pax: { mtime: '1.123456789' } },
  { path: './usr/bin/wall', mode: 0o2755, gid: 5, body: 'sgid' },
  {
    path: './usr/bin/su2',
    type: 'hardlink',
    link: './usr/bin/su',
    mode: 0o4755,
    pax: { mtime: '1.123456789' },
  },
  {
    path: './usr/bin/ping',
    mode: 0o755,
    body: 'caps',
    pax: { 'SCHILY.xattr.security.capability': '\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0' },
  },
  { path: './usr/ro/', type: 'directory', mode: 0o555, mtime: 500 },
  { path: './usr/ro/file', mode: 0o400, uid: 1000, gid: 1000, body: Buffer.alloc(70_000, 'big') },
  { path: './usr/raw\xff', mtime: 0 },
  { path: './usr/old', mtime: 0, pax: { mtime: '-1000' } },
];

describe('O-37 a layer on nothing', () => {
  requires('root', 'tool:tar', 'tool:getfattr');

  it.each([100, 512, 65_536, 10_000_000])(
    'is what GNU tar makes of it (chunks of %i bytes)',
    async (chunk) => {
      using folder = tempFolder('apply');
      const layer = makeTar(base);
      const archive = join(folder.path, 'layer.tar');
      writeFileSync(archive, layer);
      mkdirSync(join(folder.path, 'root'));
      using root = openRootDir(join(folder.path, 'root'));
      const applied = await applyLayer(streamOf(layer, chunk), root, { devices: 'create' });
      expect(applied).toEqual({ diffId: digestOf(layer), size: layer.length, entries: base.length });
      const tree = await treeOfFolder(join(folder.path, 'root'), { times: true });
      expect(tree).toHaveLength(base.length - 1);
      expect(diffTrees(await treeOfTar(archive, { times: true }), tree)).toEqual([]);
      expect(statSync(join(folder.path, 'root/usr/bin/su'), { bigint: true }).mtimeNs).toBe(1_123_456_789n);
    },
  );

  it('takes a whole Debian', async () => {
    requires('debian-base');
    using folder = tempFolder('apply', { remove: true });
    using root = openRootDir(folder.path);
    const archive = await debianBaseTar();
    const { entries } = await applyLayer(createReadStream(archive), root, { devices: 'create' });
    expect(entries).toBeGreaterThan(1000);
    const tree = await treeOfFolder(folder.path, { times: true });
    expect(diffTrees(await treeOfTar(archive, { times: true }), tree)).toEqual([]);
  });

  it('makes parents that are missing 0755, with a fixed time', async () => {
    using folder = tempFolder('apply');
    using root = openRootDir(folder.path);
    process.umask(0o077);
    try {
      await applyLayer(streamOf(makeTar([{ path: 'a/b/c', uid: 5 }])), root, { devices: 'create' });
    } finally {
      process.umask(0o022);
    }
    expect(await treeOfFolder(folder.path, { times: true })).toMatchObject([
      { path: 'a', mode: '755', owner: '0:0', mtime: 0 },
      { path: 'a/b', mode: '755', owner: '0:0', mtime: 0 },
      { path: 'a/b/c', owner: '5:0' },
    ]);
  });

  it('takes parents that come after their children', async () => {
    using folder = tempFolder('apply');
    using root = openRootDir(folder.path);
    const layer = makeTar([
      { path: 'a/b' },
      { path: 'a', type: 'directory', mode: 0o700, mtime: 7 },
      { path: 'a/c' },
    ]);
    await applyLayer(streamOf(layer), root, { devices: 'create' });
    expect(await treeOfFolder(folder.path, { times: true })).toMatchObject([
      { path: 'a', mode: '700', mtime: 7 },
      { path: 'a/b' },
      { path: 'a/c' },
    ]);
  });

  it('keeps its directories apart however many and deep they are', async () => {
    using folder = tempFolder('apply');
    using root = openRootDir(folder.path);
    const specs: TarSpec[] = [];
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 150; index++) {
        const path = `${'deep/'.repeat(index % 90)}d${index}/f${round}`;
        specs.push({ path: 'x', pax: { path }, body: path, mtime: index });
      }
    }
    await applyLayer(streamOf(makeTar(specs)), root, { devices: 'create' });
    const tree = await treeOfFolder(folder.path);
    const files = tree.filter(({ type }) => type === 'file');
    expect(files).toHaveLength(300);
    for (const { path, content } of files) expect(content).toBe(digestOf(path).slice('sha256:'.length));
  });

  it('ignores whiteouts: there is nothing to hide, and its own files are none of their business', async () => {
    using folder = tempFolder('apply');
    using root = openRootDir(folder.path);
    const layer = makeTar([
      { path: 'a/b' },
      { path: 'a/.wh.b' },
      { path: '.wh.a' },
      { path: '.wh..wh..opq' },
    ]);
    await applyLayer(streamOf(layer), root, { devices: 'create' });
    expect((await treeOfFolder(folder.path)).map(({ path }) => path)).toEqual(['a', 'a/b']);
  });

  it('leaves the time of the folder it is put into when it does not name it', async () => {
    using folder = tempFolder('apply');
    utimesSync(folder.path, 5, 5);
    using root = openRootDir(folder.path);
    await applyLayer(streamOf(makeTar([{ path: 'a' }])), root, { devices: 'create' });
    expect(statSync(folder.path).mtimeMs).toBe(5000);
  });
});
