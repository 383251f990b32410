import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { openLayer } from '../../src/image/index.ts';
import { MergeOp } from '../../src/ops/merge.ts';
import { commitState, emptyState, stateOf } from '../../src/ops/state.ts';
import type { SettledState, State } from '../../src/ops/types.ts';
import { applyLayer, type Snapshot } from '../../src/snapshot/index.ts';
import { makeContext } from '../support/context.ts';
import { opsWorld, unwatched, type OpsWorld } from '../support/ops-world.ts';
import { randomEdits, tryEdits } from '../support/random-edits.ts';
import { requires } from '../support/requires.ts';
import { bytes } from '../support/tree-edits.ts';
import { diffTrees, treeOfFolder, type TreeEntry } from '../support/tree.ts';

const empty = stateOf(emptyState);

/** A state of edits, its layer packed. */
async function made({ services }: OpsWorld, edits: readonly string[], parent = empty): Promise<SettledState> {
  await using active = await services.snapshotter.prepare(parent.snapshot);
  {
    await using mounted = await active.mount();
    tryEdits(mounted.root, edits);
  }
  return await (
    await commitState(services, parent, active)
  ).settled;
}

async function merged({ services }: OpsWorld, base: State, linked: State): Promise<SettledState> {
  return (await new MergeOp(services).exec([base, linked], unwatched)).settled;
}

/** What unpacking a state's layer on top of another leaves. */
async function unpacked({ services }: OpsWorld, base: SettledState, linked: SettledState): Promise<Snapshot> {
  await using active = await services.snapshotter.prepare(base.snapshot);
  {
    await using mounted = await active.mount();
    for (const layer of linked.layers) {
      await applyLayer(await openLayer(services.store, layer), mounted.root, { devices: 'create' });
    }
  }
  return await active.commit();
}

async function treeOf({ snapshotter }: OpsWorld, snapshot: Snapshot | undefined): Promise<TreeEntry[]> {
  await using view = await snapshotter.view(snapshot);
  const { mode, uid, gid } = view.root.lstat(bytes('.'));
  const root = { path: '', type: 'directory', mode: mode.toString(8), owner: `${uid}:${gid}` } as const;
  return [root, ...(await treeOfFolder(`/proc/${process.pid}/fd/${view.root.fd}/`, { times: true }))];
}

describe('a merged state', () => {
  requires('root', 'overlay', 'tool:getfattr');

  it.each<readonly [what: string, base: readonly string[], linked: readonly string[], stacked: boolean]>([
    ['nothing in common', ['file a 644 1'], ['file b 600 2'], true],
    [
      'a folder in both',
      ['dir d 700', 'file d/a 644 1', 'chown d 5:6'],
      ['dir d 755', 'file d/b 644 2'],
      true,
    ],
    ['attributes of a folder', ['dir d 700', 'xattr d user.x 00'], ['dir d 1777', 'xattr d user.y 00'], true],
    ['a file over a file', ['file a 755 1', 'hardlink b a'], ['file a 644 22'], true],
    [
      'a folder over a link to a folder',
      ['dir e 755', 'file e/x 644', 'symlink d e'],
      ['dir d 755', 'file d/y 644'],
      true,
    ],
    ['a folder over a file', ['file d 644 1'], ['dir d 755', 'file d/y 644'], true],
    ['a file over a folder', ['dir d 755', 'file d/y 644'], ['file d 644 1'], true],
    ['a link over a folder', ['dir d 755', 'file d/y 644'], ['dir e 755', 'symlink d e'], true],
    [
      'links, names of one file, devices',
      ['file a 644'],
      ['file d 644 1', 'hardlink e d', 'fifo f 600', 'char g 1:3'],
      true,
    ],
    [
      'something made and removed again',
      ['dir d 755', 'file d/y 644'],
      ['dir d 755', 'rm d', 'dir d 700'],
      true,
    ],
    [
      'something made, removed, and not made again',
      ['dir d 755', 'file a 644'],
      ['dir d 755', 'rm d', 'file a 644', 'rm a', 'file b 644'],
      true,
    ],
    ['a root of another mode', ['chmod . 700', 'file a 644'], ['file b 644'], false],
    ['a root of another owner', ['chown . 1:1', 'file a 644'], ['file b 644'], false],
    ['a root with an attribute', ['xattr . user.x 00', 'file a 644'], ['file b 644'], false],
  ])('L-153 is what unpacking leaves: %s', async (_, base, linked, stacked) => {
    await using world = await opsWorld(makeContext({}));
    const [below, above] = [await made(world, base), await made(world, linked)];
    const both = await merged(world, stateOf(below), stateOf(above));
    expect(both.snapshot?.id === above.snapshot?.id).toBe(stacked);
    const expected = await treeOf(world, await unpacked(world, below, above));
    expect(diffTrees(expected, await treeOf(world, both.snapshot))).toEqual([]);
    expect(both.layers).toEqual([...below.layers, ...above.layers]);
  });

  it('L-153 is what unpacking leaves, whatever the trees', async () => {
    await using world = await opsWorld(makeContext({}));
    await fc.assert(
      fc.asyncProperty(randomEdits, randomEdits, async (base, linked) => {
        const [below, above] = [await made(world, base), await made(world, linked)];
        const both = await merged(world, stateOf(below), stateOf(above));
        const expected = await treeOf(world, await unpacked(world, below, above));
        expect(diffTrees(expected, await treeOf(world, both.snapshot))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('L-153 takes steps on top, whose layers say what changed', async () => {
    await using world = await opsWorld(makeContext({}));
    const below = await made(world, ['dir d 700', 'file d/a 644 1', 'file e 644']);
    const above = await made(world, ['dir d 755', 'file d/b 644 2']);
    const both = await merged(world, stateOf(below), stateOf(above));
    const top = await made(world, ['rm d/a', 'rm e', 'file d/b 644 changed'], stateOf(both));
    const again = await made(world, [], stateOf(below));
    const unpackedAll = await unpacked(world, again, { ...top, layers: top.layers.slice(1) });
    expect(diffTrees(await treeOf(world, unpackedAll), await treeOf(world, top.snapshot))).toEqual([]);
  });

  it('L-153 takes the same files twice, with changes between', async () => {
    await using world = await opsWorld(makeContext({}));
    const below = await made(world, ['file a 644 base']);
    const above = await made(world, ['dir d 755', 'file d/b 644 2']);
    const once = await merged(world, stateOf(below), stateOf(above));
    const between = await made(world, ['rm d', 'file d 644'], stateOf(once));
    const twice = await merged(world, stateOf(between), stateOf(above));
    expect((await treeOf(world, twice.snapshot)).map(({ path, type }) => `${path} ${type}`)).toEqual([
      ...[' directory', 'a file', 'd directory', 'd/b file'],
    ]);
    expect(twice.layers).toEqual([...between.layers, ...above.layers]);
  });

  it('L-153 of an empty side is the other one', async () => {
    await using world = await opsWorld(makeContext({}));
    const state = await made(world, ['file a 644 base']);
    for (const both of [
      await merged(world, empty, stateOf(state)),
      await merged(world, stateOf(state), empty),
    ]) {
      expect(both).toMatchObject({ snapshot: state.snapshot, layers: state.layers });
    }
  });
});
