import { randomBytes } from 'node:crypto';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { CopyOp } from '../../src/ops/copy/copy-op.ts';
import type { SettledState } from '../../src/ops/index.ts';
import { emptyState, stateOf } from '../../src/ops/state.ts';
import { treeChanges, type Change } from '../../src/snapshot/index.ts';
import { makeContext } from '../support/context.ts';
import { contextOrigin, copied, copyStep, editedState } from '../support/copy-step.ts';
import { opsWorld, unwatched } from '../support/ops-world.ts';
import { requires } from '../support/requires.ts';

const base = ['dir etc 0755', 'file etc/passwd 0644 x', 'dir app 1777', 'chown app 5:6', 'symlink link app'];

/** As large as is stored while it is copied. */
const big = randomBytes((3 << 20) + 17);

describe('COPY of a large file', () => {
  requires('root', 'overlay');

  it.each<
    [
      destination: string,
      parent: readonly string[],
      step?: { readonly chmod?: string; readonly chown?: string },
    ]
  >([
    ['/big', []],
    ['/big', base],
    ['/app/', base],
    ['/app/new', base, { chmod: '4750', chown: '7:8' }],
    ['/link/new', base],
    ['/new/er/name', base],
    ['/new/er/', base],
    ['/etc/passwd', base],
    ['/link', base],
  ])('L-163 L-164 to %s: what a comparison gives', async (destination, parent, step = {}) => {
    const context = makeContext({ big, small: 'x' });
    utimesSync(join(context, 'big'), 1000, 7.25);
    await using world = await opsWorld(context);
    const { snapshotter } = world.services;
    const below = parent.length === 0 ? stateOf(emptyState) : await editedState(snapshotter, parent);
    const outcome = async (unpack: boolean): Promise<object> => {
      const origins = [{ ...contextOrigin(['big']), unpack }];
      const { settled, snapshot } = await copied(world, copyStep({ ...step, origins, destination }), {
        inputs: [below],
      });
      const { contentDigest, layers }: SettledState = await settled;
      await using view = await snapshotter.view(snapshot);
      await using before = await snapshotter.view(below.snapshot);
      const changes: Change[] = [];
      // The time of the folder that it lies in is that of the copy.
      for await (const change of treeChanges(view.root, before.root))
        changes.push(
          change.kind === 'put' && change.entry.type === 'directory'
            ? { ...change, entry: { ...change.entry, mtime: 0 } }
            : change,
        );
      return { contentDigest, size: layers.at(-1)?.descriptor.size, changes };
    };
    // What might be an archive is compared.
    expect(await outcome(false)).toEqual(await outcome(true));
  });

  it('S-75 that changed after its key is an error', async () => {
    const context = makeContext({ big });
    await using world = await opsWorld(context);
    const op = new CopyOp(copyStep({ origins: [contextOrigin(['big'])], destination: '/x' }), world.services);
    await op.cacheMap(unwatched.signal);
    writeFileSync(join(context, 'big'), randomBytes(big.length));
    const copying = op.exec([stateOf(emptyState)], unwatched);
    await expect(copying).rejects.toMatchObject({ code: 'CONTEXT_CHANGED' });
  });
});
