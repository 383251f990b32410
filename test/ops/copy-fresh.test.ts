import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromText, isErrno, type ByteString } from '../../src/core/index.ts';
import { mainContext } from '../../src/graph/index.ts';
import { CopyOp } from '../../src/ops/copy/copy-op.ts';
import { contextTree } from '../../src/ops/copy/tree.ts';
import { emptyState, stateOf } from '../../src/ops/state.ts';
import { contextOrigin, copyStep, editedState } from '../support/copy-step.ts';
import { base, bothWays, outcome, removing, worldOf, type Case } from '../support/fresh-copy.ts';
import { unwatched } from '../support/ops-world.ts';
import { requires } from '../support/requires.ts';

const everything = [
  'dir src/b 0751',
  'dir src/b\\sand 0755',
  'file src/a 0644 a',
  'file src/empty 0600',
  'file src/b/script 4755 #!/bin/sh',
  'file src/b/.hidden 0666 x',
  'file src/b\\sand/ü 0644 x',
  'dir src/bare 2775',
  'dir src/deep/er/and/more 0700',
  'file src/deep/er/and/more/x 0640 x',
  'symlink src/link ../a\\sb',
  'symlink src/deep/dangling nowhere',
  'hardlink src/deep/same src/a',
  'hardlink src/zz src/a',
  'fifo src/pipe 0622',
  'char src/null 1:3',
  'block src/disk 7:0',
  'xattr src/a user.kept 00ff',
  'xattr src/b user.folder 01',
  'xattr src/b user.overlay.opaque 79',
  'time src/b 1000000000.123456789',
  'time src/a -5.5',
  'time src/deep/er 4294967297',
];

describe('COPY of what is new where it goes', () => {
  requires('root', 'overlay', 'tool:getfattr');

  it.each<[name: string, given: Case]>([
    ['into the empty root', { source: everything, destination: '/' }],
    [
      'into a folder that an image has, beside other names',
      {
        source: everything,
        parent: [
          'dir dest 0755',
          'file dest/other 0644 x',
          'chmod dest 1777',
          'chown dest 5:6',
          'xattr dest user.x 41',
          'time dest 99.5',
          'file dest/b.txt 0644 x',
        ],
      },
    ],
    [
      'through a link',
      {
        source: everything,
        parent: ['dir real/place 0711', 'symlink dest real/place', 'time real 7', 'time real/place 8'],
      },
    ],
    [
      'with other owners and modes',
      {
        source: everything,
        parent: ['dir dest 0755', 'time dest 5'],
        target: {
          chown: { uid: 1000, gid: 70_000 },
          mode: (mode, folder) => (folder ? 0o2750 : mode | 0o4001),
        },
      },
    ],
  ])('L-163 L-171 O-36 %s: the tree and the layer that a comparison gives', async (_, given) => {
    const { freshly, compared } = await bothWays(given);
    expect(freshly.fresh).toBe(true);
    expect(freshly.upper).toEqual(compared.upper);
    expect(freshly.layer).toEqual(compared.layer);
  });

  it('L-169 where the folders are made on the way: all but their time', async () => {
    const { freshly, compared } = await bothWays({
      source: everything,
      parent: ['dir opt 0750'],
      destination: '/opt/new/er',
    });
    expect(freshly.fresh).toBe(true);
    expect(freshly.layer.changesDigest).toBe(compared.layer.changesDigest);
    expect(freshly.layer.size).toBe(compared.layer.size);
  });

  it('O-36 where a lower layer had the name and a later one removed it', async () => {
    await using world = await worldOf({ source: everything });
    const first = await editedState(world.snapshotter, [
      ...base,
      'dir dest/b 0755',
      'dir dest/a 0755',
      'file dest/b/old 0644 x',
      'file dest/a/old 0644 x',
      'time dest 3',
    ]);
    const removed = await removing(world, first, ['rm dest/b', 'rm dest/a', 'time dest 3']);
    const compared = await outcome(world, removed, { source: [], freshly: false });
    const freshly = await outcome(world, removed, { source: [], freshly: true });
    expect(freshly.fresh).toBe(true);
    expect(freshly.upper).toEqual(compared.upper);
    expect(freshly.layer).toEqual(compared.layer);
  });

  it('L-170 from a stage, whose files are not read before: the tree and the layer that a comparison gives', async () => {
    await using world = await worldOf({ source: [] });
    const edits = ['dir src 0755', ...everything, 'chown src/a 7:8', 'chown src/b 70000:1'].filter(
      (edit) => !edit.includes('overlay'),
    );
    const stage = await editedState(world.snapshotter, edits);
    const parent = await editedState(world.snapshotter, [...base, 'dir dest 0755', 'time dest 5']);
    const compared = await outcome(world, parent, { source: [], stage, freshly: false });
    const freshly = await outcome(world, parent, { source: [], stage, freshly: true });
    expect(freshly).toEqual({ ...compared, fresh: true });
    expect(freshly.upper.find(({ path }) => path === 'dest/a')).toMatchObject({ owner: '7:8' });
  });

  it.each<[why: string, given: Case]>([
    ['a name is there', { source: everything, parent: ['dir dest/b 0700', 'time dest/b 7', 'time dest 5'] }],
    [
      'a name is a link',
      { source: everything, parent: ['dir dest 0755', 'symlink dest/a ../etc', 'time dest 5'] },
    ],
    ['there is nothing to copy', { source: [], parent: ['dir dest 0700'] }],
  ])('L-163 where %s, it is compared', async (_, given) => {
    const { freshly, compared } = await bothWays(given);
    expect(freshly.fresh).toBe(false);
    expect(freshly.layer).toEqual(compared.layer);
  });

  it.each([
    ['the mark of a removal', 'char src/b 0:0', 'EPERM'],
    ['a name that layers cannot have', 'file src/c/.wh.x 0644 x', 'NAME_RESERVED'],
  ])('O-36 %s in the source makes no mark in the upper directory', async (_, edit, code) => {
    await using world = await worldOf({ source: ['file src/a 0644 a', 'dir src/c 0755', edit] });
    await expect(outcome(world, stateOf(emptyState), { source: [], freshly: true })).rejects.toMatchObject({
      code,
    });
  });

  it.each([
    ['a folder', ['src'], '/.wh.etc/'],
    ['a folder on the way', ['src'], '/new/.wh.etc/er/'],
    ['a folder on the way of a large file', ['src/big'], '/.wh.etc/'],
  ])(
    'O-36 a destination that layers cannot name is no mark of a removal: %s',
    async (_, paths, destination) => {
      await using world = await worldOf({ source: ['file src/a 0644 a'] });
      const { root } = contextTree(world.services, mainContext);
      root.write(fromText('src/big'), Buffer.alloc(2 << 20, 'x'), 0o644);
      const op = new CopyOp(copyStep({ origins: [contextOrigin(paths)], destination }), world.services);
      await op.cacheMap(unwatched.signal);
      const made = op.exec([stateOf(emptyState)], unwatched).then(({ settled }) => settled);
      await expect(made).rejects.toMatchObject({ code: 'NAME_RESERVED' });
    },
  );

  it('L-163 files of all sizes, in order', async () => {
    const sizes = [0, 1, 511, 512, 65_536, 1 << 20, (1 << 20) + 1, 3_000_000, 200_000, 900_000, 900_001];
    const given: Case = { source: ['dir src/y 0755', 'file src/y/last 0644 z', 'time src/y 3'] };
    await using world = await worldOf(given);
    const context = contextTree(world.services, mainContext).root;
    sizes.forEach((size, index) =>
      context.write(`src/${index}` as ByteString, Buffer.alloc(size, `${index} `), 0o640),
    );
    context.link('src/7' as ByteString, 'src/y/same' as ByteString);
    const compared = await outcome(world, stateOf(emptyState), {
      ...given,
      freshly: false,
      destination: '/',
    });
    const freshly = await outcome(world, stateOf(emptyState), { ...given, freshly: true, destination: '/' });
    expect(freshly).toEqual({ ...compared, fresh: true });
  });

  it('L-163 any tree: what a comparison gives', async () => {
    const name = fc.constantFrom('a', 'b', 'b.c', 'b-', 'B', 'ü', 'z z');
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
    const content = fc.oneof(fc.constant(0), fc.nat(3000));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(path, content), { minLength: 1, maxLength: 30 }), async (files) => {
        await using world = await worldOf({ source: [] });
        const { root } = contextTree(world.services, mainContext);
        for (const [file, size] of files) {
          const at = fromText(`src/${file}`);
          const above = at.slice(0, at.lastIndexOf('/')) as ByteString;
          try {
            root.mkdirAll(above, { mode: 0o755, uid: 0, gid: 0 });
            root.write(at, Buffer.alloc(size, file), 0o644);
          } catch (error) {
            if (!isErrno(error, 'ENOTDIR', 'EISDIR', 'EEXIST')) throw error;
          }
        }
        const parent = await editedState(world.snapshotter, [...base, 'dir dest 0755', 'time dest 9']);
        const compared = await outcome(world, parent, { source: [], freshly: false });
        expect(await outcome(world, parent, { source: [], freshly: true })).toEqual({
          ...compared,
          fresh: true,
        });
      }),
      { numRuns: 12 },
    );
  });

  it('S-75 a large file that changed after its key is an error, and so is one that grew', async () => {
    for (const change of ['same size', 'grown']) {
      await using world = await worldOf({ source: [] });
      const { root } = contextTree(world.services, mainContext);
      const big = Buffer.alloc(2 << 20, 'x');
      root.write(fromText('src/a'), Buffer.from('a'), 0o644);
      root.write(fromText('src/big'), big, 0o644);
      const op = new CopyOp(copyStep({ origins: [contextOrigin(['src'])] }), world.services);
      await op.cacheMap(unwatched.signal);
      big.write('y', 1000);
      root.write(fromText('src/big'), change === 'grown' ? Buffer.concat([big, big]) : big, 0o644);
      await expect(op.exec([stateOf(emptyState)], unwatched)).rejects.toMatchObject({
        code: 'CONTEXT_CHANGED',
      });
    }
  });
});
