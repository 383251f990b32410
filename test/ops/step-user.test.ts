import { describe, expect, it } from 'vitest';

import { MergeOp } from '../../src/ops/merge.ts';
import { stepUser } from '../../src/ops/run/step-user.ts';
import { commitState, emptyState, stateOf } from '../../src/ops/state.ts';
import type { State } from '../../src/ops/types.ts';
import { makeContext } from '../support/context.ts';
import { opsWorld, unwatched, type OpsWorld } from '../support/ops-world.ts';
import { requires } from '../support/requires.ts';
import { editTree } from '../support/tree-edits.ts';

async function made({ services }: OpsWorld, edits: readonly string[]): Promise<State> {
  const parent = stateOf(emptyState);
  await using active = await services.snapshotter.prepare(undefined);
  {
    await using mounted = await active.mount();
    editTree(mounted.root, edits);
  }
  return await commitState(services, parent, active);
}

describe('who a step runs as', () => {
  requires('root', 'overlay');

  it('S-11 L-153 is asked of each base that one snapshot of COPY --link stands on', async () => {
    await using world = await opsWorld(makeContext({}));
    const linked = await made(world, ['dir etc 0755', 'file etc/motd 0644 x']);
    const uids: number[] = [];
    for (const uid of [1000, 2000]) {
      const base = await made(world, ['dir etc 0755', `file etc/passwd 0644 ada:x:${uid}:${uid}::/:/bin/sh`]);
      const { snapshot } = await new MergeOp(world.services).exec([base, linked], unwatched);
      uids.push((await stepUser(world.snapshotter, snapshot, 'ada')).uid);
    }
    expect(uids).toEqual([1000, 2000]);
  });
});
