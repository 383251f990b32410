import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { PartChange } from '../../src/core/index.ts';
import { mainContext } from '../../src/graph/index.ts';
import { fileChanges, keepListing } from '../../src/ops/copy/listing.ts';
import { selectWords, type Selected } from '../../src/ops/copy/selection.ts';
import { contextTree } from '../../src/ops/copy/tree.ts';
import { Breath } from '../../src/snapshot/index.ts';
import { makeContext } from '../support/context.ts';
import { opsWorld } from '../support/ops-world.ts';
import { requires } from '../support/requires.ts';

const odd = 'n\nl/t\tb x';

/** What is said of a context that changed, in which much stays as it is. */
async function changesAfter(
  change: (context: string) => void,
  words: readonly string[] = ['src'],
): Promise<readonly string[] | undefined> {
  const files = Object.fromEntries(['a', 'b', 'c/d', 'c/e', 'f', 'z'].map((name) => [`src/${name}`, name]));
  const context = makeContext({ ...files, [`src/${odd}`]: 'x' });
  symlinkSync('to//\n', join(context, 'src/link'));
  await using world = await opsWorld(context);
  const { store } = world.services;
  const select = (): Promise<Selected> =>
    selectWords(contextTree(world.services, mainContext), words, { owners: false, breath: new Breath() });
  const before = await select();
  await keepListing(store, before.digest, before);
  change(context);
  const changes = await fileChanges(store, before.digest, await select());
  return changes?.map(({ kind, path }: PartChange) => `${kind} ${path.join()}`);
}

describe('what is known of the files that were copied', () => {
  requires('root', 'overlay');

  it.each<[what: string, change: (context: string) => void, expected: readonly string[]]>([
    ['nothing', () => undefined, []],
    ['a file', (context) => writeFileSync(join(context, 'src/c/e'), 'new'), ['changed src/c/e']],
    [
      'the first and the last',
      (context) => {
        writeFileSync(join(context, 'src/a'), 'new');
        writeFileSync(join(context, 'src/z'), 'new');
      },
      ['changed src/a', 'changed src/z'],
    ],
    [
      'one more and one less',
      (context) => renameSync(join(context, 'src/a'), join(context, 'src/m')),
      ['removed src/a', 'added src/m'],
    ],
    [
      'a name with odd bytes',
      (context) => writeFileSync(join(context, 'src', odd), 'y'),
      [`changed src/${odd}`],
    ],
    [
      'a link',
      (context) => {
        rmSync(join(context, 'src/link'));
        symlinkSync('to/\n', join(context, 'src/link'));
      },
      ['changed src/link'],
    ],
  ])('B-01 names %s', async (_, change, expected) => {
    expect(await changesAfter(change)).toEqual(expected);
  });

  it('B-01 names a file once that two words reach', async () => {
    const change = (context: string): void => writeFileSync(join(context, 'src/b'), 'new');
    expect(await changesAfter(change, ['src', 'src/b'])).toEqual(['changed src/b']);
  });
});
