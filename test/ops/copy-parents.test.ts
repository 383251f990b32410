import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { CopyOrigin } from '../../src/graph/index.ts';
import { CopyOp } from '../../src/ops/copy/copy-op.ts';
import type { State } from '../../src/ops/index.ts';
import { emptyState, stateOf } from '../../src/ops/state.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { contextOrigin, copied, copyStep, editedState, pathsOf } from '../support/copy-step.ts';
import { makeContext } from '../support/context.ts';
import { opsWorld, unwatched } from '../support/ops-world.ts';
import { cellOf, readTable } from '../support/pipe-table.ts';
import { requires } from '../support/requires.ts';
import { changesOf } from '../support/snapshotter-suite.ts';
import { changeLine, editTree } from '../support/tree-edits.ts';

const sources = [
  ...['a/b/c/d/e', 'a/b/c2/d/e', 'a/b/c2/d/e2', 'a/b2/c/d/e', 'x', 'y', 'empty', '[x]'].map(
    (folder) => `dir ${folder} 755`,
  ),
  ...['a/b/c/d/foo', 'a/b/c/d/e/bay', 'a/b/c2/d/e/baz', 'a/b/c2/d/e2/baz', 'a/b2/c/d/e/bar', 'a/bfile'].map(
    (file) => `file ${file} 644`,
  ),
  ...['x/a.txt', 'y/a.txt', 'y/b.txt', '!odd', '[x]/file'].map((file) => `file ${file} 644`),
  ...['link a', 'y/sym a.txt', 'dangling nowhere', 'out ../../../etc', 'abs /etc'].map(
    (link) => `symlink ${link}`,
  ),
];

describe('COPY --parents', () => {
  requires('root', 'overlay');
  const words = (cell: string): string[] => cell.split(' ').filter((word) => word !== '');

  it.each(readTable('copy/parents.txt').map((row) => [row.title, row] as const))(
    'L-154 L-155 S-40 %s',
    async (_, row) => {
      const [paths, exclude, expected] = [words(cellOf(row, 0)), words(cellOf(row, 1)), cellOf(row, 2)];
      const context = makeContext({});
      {
        using root = openRootDir(context);
        editTree(root, sources);
      }
      await using world = await opsWorld(context);
      const stage = await editedState(world.snapshotter, sources);
      const fromContext = copyStep({ origins: [contextOrigin(paths)], exclude, parents: true });
      const fromStage = {
        ...fromContext,
        origins: [{ kind: 'input', input: 1, paths, unpack: false } as const],
      };
      const empty = stateOf(emptyState);
      for (const [step, inputs] of [
        [fromContext, [empty]],
        [fromStage, [empty, stage]],
      ] as const) {
        const copying = copied(world, step, { inputs });
        if (expected.startsWith('! ')) {
          await expect(copying).rejects.toThrow(expected.slice(2));
        } else {
          const below = (await pathsOf(world.snapshotter, await copying)).slice(1);
          expect(below.map((path) => path.slice('dest/'.length)).join(' ')).toBe(expected);
        }
      }
    },
  );

  /** The layer that the copy makes on a root of these edits. */
  async function layer(
    step: Parameters<typeof copyStep>[0],
    { source, root = [] }: { readonly source: readonly string[]; readonly root?: readonly string[] },
  ): Promise<readonly string[]> {
    await using world = await opsWorld(makeContext({}));
    const [parent, stage] = [
      await editedState(world.snapshotter, root),
      await editedState(world.snapshotter, source),
    ];
    const origins = (step?.origins ?? []).map(
      (origin) => ({ ...origin, kind: 'input', input: 1 }) as CopyOrigin,
    );
    const { snapshot } = await copied(world, copyStep({ ...step, origins, parents: true }), {
      inputs: [parent, stage],
    });
    if (snapshot === undefined) throw new Error('a copy without files');
    return (await changesOf(world.snapshotter, snapshot)).map(changeLine);
  }

  const source = [
    ...[
      'dir a 700',
      'dir a/b 2750',
      'file a/b/x 4755 1',
      'file a/b/y 600 22',
      'chown a 1:2',
      'chown a/b 3:4',
    ],
    ...['chown a/b/x 5:6', 'chmod a/b/x 4755', 'xattr a user.note 68', 'time a 100', 'time a/b 200'],
  ];
  const both = [contextOrigin(['a/b/x', 'a/b/y'])];

  it('L-154 L-170 gives folders the mode, owner, attributes and time of the source’s', async () => {
    expect(await layer({ origins: both }, { source })).toEqual([
      'dir dest 755 0:0',
      'dir dest/a 700 1:2 user.note=68',
      'dir dest/a/b 2750 3:4',
      'file dest/a/b/x 4755 5:6 1',
      'file dest/a/b/y 600 0:0 2',
    ]);
  });

  it('L-151 L-152 L-154 gives folders the owner and mode asked for', async () => {
    expect(await layer({ origins: both, chown: '7:8', chmod: '750' }, { source })).toEqual([
      'dir dest 750 7:8',
      'dir dest/a 750 7:8 user.note=68',
      'dir dest/a/b 750 7:8',
      'file dest/a/b/x 750 7:8 1',
      'file dest/a/b/y 750 7:8 2',
    ]);
    expect(await layer({ origins: both, chmod: 'go=u-w' }, { source })).toEqual([
      'dir dest 755 0:0',
      'dir dest/a 755 1:2 user.note=68',
      'dir dest/a/b 2755 3:4', // as chmod(1): = leaves a folder its set-id bits
      'file dest/a/b/x 4755 5:6 1',
      'file dest/a/b/y 644 0:0 2',
    ]);
  });

  it('L-154 L-163 leaves folders that exist their owner, but not their mode', async () => {
    const root = ['dir dest/a 711', 'chown dest 9:9', 'chown dest/a 9:9'];
    expect(await layer({ origins: both, chown: '7:8' }, { source, root })).toEqual([
      'dir dest 755 9:9',
      'dir dest/a 700 9:9',
      'dir dest/a/b 2750 7:8',
      'file dest/a/b/x 4755 7:8 1',
      'file dest/a/b/y 600 7:8 2',
    ]);
  });

  it.each([
    [
      'a link where a folder goes',
      ['dir elsewhere 755', 'dir dest 755', 'symlink dest/a /elsewhere'],
      'cannot copy to non-directory: /dest/a',
    ],
    [
      'a file where a folder goes',
      ['dir dest 755', 'file dest/a 644'],
      'cannot copy to non-directory: /dest/a',
    ],
    [
      'a folder where a file goes',
      ['dir dest/a/b/x 755'],
      'cannot replace to directory /dest/a/b/x with file',
    ],
  ])('L-154 L-163 %s is an error', async (_, root, message) => {
    await expect(layer({ origins: both }, { source, root })).rejects.toMatchObject({
      code: 'COPY_FAILED',
      message,
    });
  });

  it('L-171 keeps several names of one file within a source', async () => {
    const linked = ['dir a 755', 'dir b 755', 'file a/x 644 1', 'hardlink b/y a/x'];
    expect(await layer({ origins: [contextOrigin(['*/?'])] }, { source: linked })).toEqual([
      ...['dir dest 755 0:0', 'dir dest/a 755 0:0', 'file dest/a/x 644 0:0 1'],
      ...['dir dest/b 755 0:0', 'hardlink dest/b/y dest/a/x'],
    ]);
  });

  it('L-180 takes nothing that is ignored, and says so of what is named', async () => {
    const context = makeContext({
      '.dockerignore': 'a\n!a/shown\n',
      'a/shown/x': '',
      'a/hidden/x': '',
      'b/x': '',
    });
    await using world = await opsWorld(context);
    const copy = (...paths: string[]): Promise<State> =>
      copied(world, copyStep({ origins: [contextOrigin(paths)], parents: true }));
    const paths = ['dest', 'dest/a', 'dest/a/shown', 'dest/a/shown/x', 'dest/b', 'dest/b/x'];
    expect(await pathsOf(world.snapshotter, await copy('**/x'))).toEqual(paths);
    expect(await pathsOf(world.snapshotter, await copy('a/./*/x'))).toEqual([
      'dest',
      'dest/shown',
      'dest/shown/x',
    ]);
    await expect(copy('a/hidden/x')).rejects.toThrow('"a/hidden/x" is excluded by .dockerignore');
    await expect(copy('a/hidden/./x')).rejects.toThrow('is excluded by .dockerignore');
  });

  it('L-154 warns of a path behind a link, for which nothing is copied', async () => {
    const context = makeContext({ 'a/x': '' });
    symlinkSync('a', join(context, 'link'));
    await using world = await opsWorld(context);
    const warnings: string[] = [];
    const watched = { ...unwatched, warn: (message: string) => warnings.push(message) };
    const step = copyStep({ origins: [contextOrigin(['link/x', 'link/?', 'a'])], parents: true });
    await copied(world, step, { context: watched });
    expect(warnings).toEqual(['nothing was copied for "link/x": COPY --parents follows no symbolic links']);
  });

  it('L-172 knows what it takes and nothing else', async () => {
    const digests = async (files: Readonly<Record<string, string>>): Promise<string> => {
      await using world = await opsWorld(makeContext(files));
      const step = copyStep({ origins: [contextOrigin(['a/*/x'])], parents: true });
      return JSON.stringify((await new CopyOp(step, world.services).cacheMap(unwatched.signal)).parts);
    };
    const first = await digests({ 'a/b/x': '1', 'a/b/y': '1', 'a/c/y': '1' });
    expect(await digests({ 'a/b/x': '1', 'a/b/y': '2', 'a/d/y': '1' })).toBe(first);
    expect(await digests({ 'a/b/x': '2' })).not.toBe(first);
    expect(await digests({ 'a/c/x': '1' })).not.toBe(first);
    expect(await digests({ 'a/b/x': '1', 'a/c/x': '1' })).not.toBe(first);
  });
});
