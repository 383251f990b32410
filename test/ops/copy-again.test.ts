import { readFileSync, writeFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { CopyStep } from '../../src/graph/index.ts';
import { againWorld, topOf } from '../support/copy-again.ts';
import { randomEdits, tryEdits } from '../support/random-edits.ts';
import { requires } from '../support/requires.ts';
import { runs } from '../support/series.ts';
import { bytes, editTree } from '../support/tree-edits.ts';

const source = [
  'file src/a 0644 a',
  'file src/b 0600 b',
  'file src/\\xff 0600 odd',
  'dir src/d 0750',
  'file src/d/a 0644 a',
  'file src/d/b 4755 b',
  'dir src/d/e/f 0700',
  'file src/d/e/f/deep 0644 deep',
  'file src/d/z 0644 z',
  'dir src/g 0755',
  'file src/g/a 0644 g',
  `file src/g/${'long'.repeat(30)} 0644 long`,
  'xattr src/g/a user.x 01',
  'symlink src/link a',
  'fifo src/pipe 0600',
  'time src/d/e 77.5',
];

describe('COPY of a context that was copied before', () => {
  requires('root', 'overlay', 'tool:getfattr');

  it.each<[what: string, edits: readonly string[], step?: Partial<CopyStep>]>([
    ['nothing', []],
    ['a file', ['file src/d/e/f/deep 0644 other']],
    ['a file at the top', ['file src/a 0644 other']],
    ['a file, which keeps its size and time', ['file src/a 0644 A', 'time src/a 5']],
    ['an attribute', ['chmod src/d/b 0755', 'chmod src/g 0700', 'xattr src/b user.y 02', 'time src/link 9']],
    ['a fraction of a second', ['time src/a 1000.5']],
    ['a new file', ['file src/d/e/c 0644 c', 'file src/c 0644 c']],
    ['a new folder', ['dir src/d/new/er 0711', 'file src/d/new/er/x 0644 x', 'time src/d/new 3']],
    ['a file that is gone', ['rm src/d/a', 'rm src/link', 'rm src/\\xff']],
    ['a folder that is gone', ['rm src/d/e']],
    ['a folder with another name', ['mv src/d/e src/d/y', 'mv src/a src/d/e']],
    ['a folder in place of a file', ['rm src/d/a', 'dir src/d/a 0700', 'file src/d/a/x 0644 x']],
    ['a file in place of a folder', ['rm src/d/e', 'file src/d/e 0644 x']],
    ['a folder made anew', ['rm src/d/e', 'dir src/d/e 0755', 'file src/d/e/other 0644 x']],
    ['a link in place of a file', ['rm src/d/a', 'symlink src/d/a ../a']],
    ['owners', ['file src/d/a 0644 x'], { chown: '6:7' }],
    ['modes', ['file src/d/a 0644 x'], { chmod: '0700' }],
    ['a file beside those left out', ['file src/d/a 0644 x', 'file src/d/b 0644 x'], { exclude: ['**/b'] }],
  ])('L-163 O-36 %s: the layer and the tree of a whole copy', async (_, edits, step) => {
    await using world = await againWorld(source);
    const first = await world.build(step);
    editTree(world.source, edits);
    const again = await world.build(step);
    const cold = await world.cold(step);
    expect([first.above, again.above]).toEqual([1, edits.length === 0 ? 1 : 2]);
    expect(again.layer).toBe(cold.layer);
    expect(again.state.contentDigest).toBe(cold.state.contentDigest);
    expect(again.tree).toEqual(cold.tree);
  });

  it('L-163 O-36 whatever differs, time and again: the layer and the tree of a whole copy', async () => {
    await fc.assert(
      fc.asyncProperty(
        randomEdits,
        fc.array(randomEdits, { minLength: 1, maxLength: 3 }),
        async (tree, all) => {
          await using world = await againWorld(['dir src/a 0755', 'file src/a/x 0644 x']);
          using root = world.source.sub(bytes('src'));
          tryEdits(root, tree);
          await world.build();
          for (const edits of all) {
            tryEdits(root, edits);
            const [again, cold] = [await world.build(), await world.cold()];
            expect(again.layer).toBe(cold.layer);
            expect(again.state.contentDigest).toBe(cold.state.contentDigest);
            expect(again.tree).toEqual(cold.tree);
          }
        },
      ),
      runs(5, 200),
    );
  });

  it('L-163 the whole way: a name that the parent has, many changes, --no-cache, links of one file', async () => {
    await using world = await againWorld(source);
    expect((await world.build()).above).toBe(1);
    editTree(world.source, ['file src/a 0644 other']);
    expect((await world.build({}, { anew: true })).above).toBe(1);
    editTree(world.source, ['file src/a 0644 third', 'file src/own 0644 mine']);
    const taken = await world.build();
    expect(taken.above).toBe(1);
    expect(taken.layer).toBe((await world.cold()).layer);
    editTree(world.source, ['rm src/own', 'hardlink src/same src/a']);
    expect((await world.build()).above).toBe(1);
    editTree(world.source, ['rm src/same']);
    world.source.write(bytes('src/large'), Buffer.alloc(5 << 20, 'x'), 0o644);
    expect((await world.build()).above).toBe(1);
  });

  it('L-163 what is damaged or gone of the earlier result is made anew', async () => {
    await using world = await againWorld(source);
    const { store, snapshotter } = world.world.services;
    const { layer } = await world.build();
    const path = store.blobs.path(layer);
    const bytesOfLayer = readFileSync(path);
    bytesOfLayer.write('x', 2 << 20);
    writeFileSync(path, bytesOfLayer);
    editTree(world.source, ['file src/d/a 0644 other']);
    const second = await world.build();
    expect(second.above).toBe(1);
    expect(second.layer).toBe((await world.cold()).layer);
    expect(await store.blobs.stat(layer)).toBeUndefined();
    await snapshotter.remove(topOf(second));
    editTree(world.source, ['file src/d/a 0644 third']);
    expect((await world.build()).above).toBe(1);
  });
});
