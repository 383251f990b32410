import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { emptyState, stateOf } from '../../src/ops/state.ts';
import type { CopyOrigin } from '../../src/graph/index.ts';
import { CopyOp } from '../../src/ops/copy/copy-op.ts';
import { contextOrigin, copied, copyStep, editedState } from '../support/copy-step.ts';
import { makeContext } from '../support/context.ts';
import { opsWorld, unwatched, type OpsWorld } from '../support/ops-world.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { changesOf } from '../support/snapshotter-suite.ts';
import { bytes, changeLine } from '../support/tree-edits.ts';

const empty = stateOf(emptyState);
const file = (input: number, unpack = false): CopyOrigin => ({ kind: 'file', input, unpack });

/** ADD of a fetched file, its tree given by edits, into a root of edits. */
async function added(
  world: OpsWorld,
  step: Parameters<typeof copyStep>[0],
  [root, ...sources]: readonly (readonly string[])[],
): Promise<readonly string[]> {
  const inputs = [await editedState(world.snapshotter, root ?? [])];
  for (const edits of sources) inputs.push(await editedState(world.snapshotter, edits));
  const { snapshot } = await copied(world, copyStep({ instruction: 'ADD', ...step }), { inputs });
  if (snapshot === undefined) throw new Error('a copy without files');
  return (await changesOf(world.snapshotter, snapshot)).map(changeLine);
}

describe('ADD of fetched sources', () => {
  requires('root', 'overlay', 'tool:tar');
  const fetched = ['file get.sh 600 hello', 'time get.sh 77'];

  it.each<readonly [destination: string, root: readonly string[], lines: readonly string[]]>([
    ['/dest/', [], ['dir dest 755 0:0', 'file dest/get.sh 600 0:0 5']],
    ['/dest', [], ['file dest 600 0:0 5']],
    ['/dest', ['dir dest 700'], ['dir dest 700 0:0', 'file dest/get.sh 600 0:0 5']],
    ['/a/b', [], ['dir a 755 0:0', 'file a/b 600 0:0 5']],
    ['/', [], ['file get.sh 600 0:0 5']],
  ])('L-164 L-176 a file goes to %s in %j', async (destination, root, lines) => {
    await using world = await opsWorld(makeContext({}));
    expect(await added(world, { origins: [file(1)], destination }, [root, fetched])).toEqual(lines);
  });

  it('L-151 L-152 L-176 a file gets the owner and mode asked for', async () => {
    await using world = await opsWorld(makeContext({}));
    const step = { origins: [file(1)], chown: '7:8', chmod: '0755' };
    expect(await added(world, step, [[], fetched])).toEqual([
      'dir dest 755 7:8',
      'file dest/get.sh 755 7:8 5',
    ]);
  });

  it('L-176 sources of every kind go in the order written', async () => {
    await using world = await opsWorld(makeContext({ f: 'from context', g: 'g' }));
    const git: CopyOrigin = { kind: 'input', input: 2, paths: ['/'], unpack: false };
    const origins = [git, contextOrigin(['f', 'g']), file(1)];
    const sources = [[], ['file g 600 fetched'], ['file f 755 from_git', 'file h 644 hh']];
    expect(await added(world, { origins }, sources)).toEqual([
      ...['dir dest 755 0:0', 'file dest/f 644 0:0 12', 'file dest/g 600 0:0 7', 'file dest/h 644 0:0 2'],
    ]);
  });

  it('L-158 L-175 a fetched archive is unpacked only when that is asked for', async () => {
    const context = makeContext({ 'files/x': 'x' });
    await runOk(['tar', '--owner=5', '--group=6', '-czf', 'a.tgz', '-C', 'files', 'x'], { cwd: context });
    await using world = await opsWorld(context);
    const archive = readFileSync(join(context, 'a.tgz'));
    const { snapshotter } = world;
    const sourceOf = async () => {
      await using active = await snapshotter.prepare(undefined);
      {
        await using mounted = await active.mount();
        mounted.root.write(bytes('a.tgz'), archive, 0o600);
      }
      const snapshot = await active.commit();
      return stateOf({ ...emptyState, snapshot });
    };
    const inputs = [empty, await sourceOf()];
    const linesOf = async (unpack: boolean, chown?: string): Promise<readonly string[]> => {
      const { snapshot } = await copied(
        world,
        copyStep({ instruction: 'ADD', origins: [file(1, unpack)], chown }),
        {
          inputs,
        },
      );
      return snapshot === undefined ? [] : (await changesOf(snapshotter, snapshot)).map(changeLine);
    };
    expect(await linesOf(false)).toEqual(['dir dest 755 0:0', `file dest/a.tgz 600 0:0 ${archive.length}`]);
    expect(await linesOf(true)).toEqual(['dir dest 755 0:0', 'file dest/x 644 5:6 1']);
    expect(await linesOf(true, '9:9')).toEqual(['dir dest 755 9:9', 'file dest/x 644 9:9 1']);
  });

  it('L-176 L-172 the key knows the name and the content of the file', async () => {
    await using world = await opsWorld(makeContext({}));
    const { inputs } = await new CopyOp(copyStep({ origins: [file(1)] }), world.services).cacheMap(
      unwatched.signal,
    );
    const digest = async (...edits: readonly string[]): Promise<string | undefined> =>
      inputs[1]?.contentDigest(await editedState(world.snapshotter, edits));
    const first = await digest('file a 600 x', 'time a 1');
    expect(await digest('file a 600 x', 'time a 2')).toBe(first);
    expect(await digest('file b 600 x')).not.toBe(first);
    expect(await digest('file a 600 y')).not.toBe(first);
  });
});
