import { chmodSync, chownSync, renameSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { mainContext } from '../../src/graph/index.ts';
import { LocalOp } from '../../src/ops/sources/local.ts';
import type { SettledState } from '../../src/ops/types.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { opsWorld, unwatched } from '../support/ops-world.ts';
import { requires } from '../support/requires.ts';
import { changesOf } from '../support/snapshotter-suite.ts';
import { changeLine } from '../support/tree-edits.ts';

interface Taken {
  readonly key: string;
  readonly settled: SettledState;
  readonly tree: readonly string[];
}

/** What a mount of a path of the context would be given. */
async function taken(context: string, path: string, change = (): void => undefined): Promise<Taken> {
  await using world = await opsWorld(context);
  const op = new LocalOp({ kind: 'local', context: mainContext, path }, world.services);
  const key = JSON.stringify(await op.cacheMap(unwatched.signal));
  change();
  const state = await op.exec([], unwatched);
  const settled = await state.settled;
  const tree = state.snapshot === undefined ? [] : await changesOf(world.snapshotter, state.snapshot);
  return { key, settled, tree: tree.map(changeLine) };
}

const files = {
  '.dockerignore': 'secret\n**/*.log\n!keep.log\n',
  a: 'a',
  secret: 's',
  'keep.log': 'k',
  'd/e/f': 'f',
  'd/e/g.log': 'g',
  'd/x': 'x',
};

describe('a tree of a context', () => {
  requires('root', 'overlay');

  it('S-40 L-173 L-180 is what COPY would take, at its path', async () => {
    const context = makeContext(files);
    chmodSync(join(context, 'd/e'), 0o750);
    chownSync(join(context, 'd/x'), 5, 6);
    symlinkSync('../a', join(context, 'd/link'));
    expect((await taken(context, '/')).tree).toEqual([
      ...['file .dockerignore 644 0:0 26', 'file a 644 0:0 1', 'dir d 755 0:0', 'dir d/e 750 0:0'],
      ...['file d/e/f 644 0:0 1', 'symlink d/link ../a', 'file d/x 644 0:0 1', 'file keep.log 644 0:0 1'],
    ]);
    expect((await taken(context, '/d/e')).tree).toEqual([
      'dir d 755 0:0',
      'dir d/e 750 0:0',
      'file d/e/f 644 0:0 1',
    ]);
    expect((await taken(context, '/d/e/f')).tree).toEqual([
      'dir d 755 0:0',
      'dir d/e 755 0:0',
      'file d/e/f 644 0:0 1',
    ]);
  });

  it('S-40 follows links to the path inside the context, and takes it by its name', async () => {
    const context = makeContext({ 'real/x': 'x', '[x]': 'odd' });
    symlinkSync('/real', join(context, 'link'));
    symlinkSync('../../../etc', join(context, 'out'));
    expect((await taken(context, '/link')).tree).toEqual(['dir link 755 0:0', 'file link/x 644 0:0 1']);
    expect((await taken(context, '/link/x')).tree).toEqual(['dir link 755 0:0', 'file link/x 644 0:0 1']);
    expect((await taken(context, '/[x]')).tree).toEqual(['file [x] 644 0:0 3']);
    await expect(taken(context, '/out/hostname')).rejects.toMatchObject({ code: 'COPY_SOURCE_NOT_FOUND' });
    expect((await taken(context, '../../real')).tree).toEqual(['dir real 755 0:0', 'file real/x 644 0:0 1']);
  });

  it('has no layer, and a digest of what it holds', async () => {
    const { settled } = await taken(makeContext(files), '/d');
    expect(settled).toMatchObject({ layers: [], contentDigest: expect.stringMatching(/^sha256:/) as string });
  });

  it.each<readonly [path: string, message: string, hint: string]>([
    ['/d/y', '"/d/y" does not exist in the build context', 'did you mean d/e?'],
    ['/secret', '"/secret" is excluded by .dockerignore', '!secret'],
  ])('S-40 %s is missing', async (path, message, hint) => {
    await expect(taken(makeContext(files), path)).rejects.toMatchObject({
      code: 'COPY_SOURCE_NOT_FOUND',
      message,
      hint: expect.stringContaining(hint) as string,
    });
  });

  it.each<readonly [what: string, same: boolean, path: string, change: (context: string) => void]>([
    ['a time', true, '/d', (context) => utimesSync(join(context, 'd/x'), 1, 1)],
    [
      'what is ignored',
      true,
      '/',
      (context) => writeContext(context, { secret: 'other', 'd/e/g.log': 'other' }),
    ],
    ['what is not below it', true, '/d', (context) => writeContext(context, { a: 'other' })],
    ['the mode of the context', true, '/', (context) => chmodSync(context, 0o711)],
    ['content', false, '/d', (context) => writeContext(context, { 'd/e/f': 'F' })],
    ['a name', false, '/d', (context) => renameSync(join(context, 'd/x'), join(context, 'd/z'))],
    ['the mode of the folder', false, '/d', (context) => chmodSync(join(context, 'd'), 0o700)],
    ['the mode of a file', false, '/a', (context) => chmodSync(join(context, 'a'), 0o755)],
  ])('L-131 L-172 as for its key: %s (same: %s) of %s', async (_, same, path, change) => {
    const context = makeContext(files);
    const before = await taken(context, path);
    change(context);
    const after = await taken(context, path);
    expect(after.key === before.key).toBe(same);
    expect(after.settled.contentDigest === before.settled.contentDigest).toBe(same);
  });

  it('L-131 is another one at another path', async () => {
    const context = makeContext({ 'a/x': '1', 'b/x': '1' });
    expect((await taken(context, '/a')).key).not.toBe((await taken(context, '/b')).key);
  });

  it('S-75 never holds what its key does not say', async () => {
    const context = makeContext(files);
    const changed = taken(context, '/d', () => writeContext(context, { 'd/x': 'y' }));
    await expect(changed).rejects.toMatchObject({ code: 'CONTEXT_CHANGED' });
  });
});
