import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { canonicalJson, digestOf } from '../../src/core/index.ts';
import type { CopyStep } from '../../src/graph/index.ts';
import { emptyState } from '../../src/ops/state.ts';
import { packSnapshot } from '../../src/snapshot/index.ts';
import { contextOrigin, copied, copyStep } from '../support/copy-step.ts';
import { makeContext } from '../support/context.ts';
import { opsWorld } from '../support/ops-world.ts';
import { requires } from '../support/requires.ts';

const sizes = [0, 1, 16_384, 16_385, 65_536, 65_537, 1_048_576, 1_048_577, 3_000_000];

function makeFiles(context: string): void {
  for (const size of sizes) writeFileSync(join(context, `src/${size}`), 'x'.repeat(size));
  linkSync(join(context, 'src/16385'), join(context, 'src/0-other-name'));
  mkdirSync(join(context, 'archive'));
  writeFileSync(join(context, 'archive/x'), 'archived');
  // Nothing but the content tells it from the file of that name.
  for (const path of ['a/x', 'b/x', 'archive/x']) utimesSync(join(context, path), 5, 5);
  execFileSync('tar', ['-C', join(context, 'archive'), '-cf', join(context, 'x.tar'), 'x']);
}

describe('what a copy says of the files that it wrote', () => {
  requires('root', 'overlay', 'tool:tar');

  it.each<readonly [what: string, step: Partial<CopyStep>, file: string]>([
    ['files of all sizes, and of two names', {}, '3000000'],
    ['a file in the place of another', { origins: [contextOrigin(['a/x', 'b/x'])] }, 'x'],
    [
      'a heredoc in the place of a file',
      {
        origins: [contextOrigin(['a/x'])],
        files: [{ name: 'x', content: 'heredocs' }],
      },
      'x',
    ],
    [
      'an archive over a file',
      {
        instruction: 'ADD',
        origins: [{ ...contextOrigin(['a/x', 'x.tar']), unpack: true }],
      },
      'x',
    ],
  ])('S-75 is what reading them says: %s', async (_what, step, file) => {
    const context = makeContext({ 'src/sub/file': 'kept', 'a/x': 'of one  ', 'b/x': 'of other' });
    makeFiles(context);
    await using world = await opsWorld(context);
    const state = await copied(world, copyStep(step));
    if (state.snapshot === undefined) throw new Error('a copy without files');
    const { blobs } = world.services.store;
    const read = await packSnapshot(world.snapshotter, state.snapshot, blobs);
    const { contentDigest, layers } = await state.settled;
    expect(layers.at(-1)?.diffId).toBe(read.diffId);
    expect(contentDigest).toBe(
      digestOf(canonicalJson({ parent: emptyState.contentDigest, changes: read.changesDigest })),
    );
    const listing = execFileSync('tar', ['-tf', blobs.path(read.diffId)], { encoding: 'utf8' });
    expect(listing.split('\n')).toContain(`dest/${file}`);
  });
});
