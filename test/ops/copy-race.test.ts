import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { mainContext } from '../../src/graph/index.ts';
import { CopyOp } from '../../src/ops/copy/copy-op.ts';
import { emptyState, stateOf } from '../../src/ops/state.ts';
import { contextOrigin, copyStep } from '../support/copy-step.ts';
import { makeContext } from '../support/context.ts';
import { opsWorld, unwatched } from '../support/ops-world.ts';
import { requires } from '../support/requires.ts';
import { changesOf } from '../support/snapshotter-suite.ts';
import { changeLine } from '../support/tree-edits.ts';

/** What COPY makes of a context that changes between its key and its copying: the layer, or the error's code. */
async function raced(
  change: (context: string) => void,
  step = copyStep(),
): Promise<readonly string[] | string> {
  const context = makeContext({
    'src/sub/file': 'kept',
    'src/x': 'y',
    outside: 'more',
    'other/file': 'kept',
  });
  symlinkSync('x', join(context, 'src/link'));
  await using world = await opsWorld(context);
  const op = new CopyOp(step, world.services);
  await op.cacheMap(unwatched.signal);
  change(context);
  try {
    const { snapshot, settled } = await op.exec([stateOf(emptyState)], unwatched);
    await settled;
    if (snapshot === undefined) throw new Error('a copy without files');
    return (await changesOf(world.snapshotter, snapshot)).map(changeLine);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const untouched = [
  'dir dest 755 0:0',
  'symlink dest/link x',
  'dir dest/sub 755 0:0',
  'file dest/sub/file 644 0:0 4',
  'file dest/x 644 0:0 1',
];

describe('a context that changes between key and copy', () => {
  requires('root', 'overlay');

  it.each<readonly [what: string, change: (context: string) => void]>([
    ['other content of the same size', (context) => writeFileSync(join(context, 'src/x'), 'z')],
    ['more content', (context) => writeFileSync(join(context, 'src/x'), 'yy')],
    ['a file that is gone', (context) => rmSync(join(context, 'src/x'))],
    [
      'a file that became a link to one outside',
      (context) => {
        rmSync(join(context, 'src/x'));
        symlinkSync('/etc/hostname', join(context, 'src/x'));
      },
    ],
    [
      'a file that became a link to another of the context',
      (context) => {
        rmSync(join(context, 'src/x'));
        symlinkSync('../outside', join(context, 'src/x'));
      },
    ],
    [
      'a file that became a fifo',
      (context) => {
        rmSync(join(context, 'src/x'));
        execFileSync('mkfifo', [join(context, 'src/x')]);
      },
    ],
    [
      'a file that became a folder',
      (context) => {
        rmSync(join(context, 'src/x'));
        mkdirSync(join(context, 'src/x'));
      },
    ],
    [
      'a folder that became a link out of the context',
      (context) => {
        rmSync(join(context, 'src/sub'), { recursive: true });
        symlinkSync('/etc', join(context, 'src/sub'));
      },
    ],
    ['a folder that is gone', (context) => renameSync(join(context, 'src/sub'), join(context, 'gone'))],
  ])('S-40 S-75 %s is an error', async (_, change) => {
    expect(await raced(change)).toBe('CONTEXT_CHANGED');
  });

  it.each<readonly [what: string, change: (context: string) => void]>([
    ['nothing', () => undefined],
    ['a mode', (context) => chmodSync(join(context, 'src/x'), 0o777)],
    [
      'where a link leads',
      (context) => {
        rmSync(join(context, 'src/link'));
        symlinkSync('/etc/passwd', join(context, 'src/link'));
      },
    ],
    ['a new file', (context) => writeFileSync(join(context, 'src/new'), '')],
    [
      'a folder that became a link to one with the same file',
      (context) => {
        rmSync(join(context, 'src/sub'), { recursive: true });
        symlinkSync('../other', join(context, 'src/sub'));
      },
    ],
  ])('S-75 %s: the layer is what the key says', async (_, change) => {
    expect(await raced(change)).toEqual(untouched);
  });

  const parents = copyStep({ origins: [contextOrigin(['src/sub/file', 'src/?'])], parents: true });

  it.each<readonly [what: string, change: (context: string) => void]>([
    [
      'a folder that became a link out of the context',
      (context) => {
        rmSync(join(context, 'src/sub'), { recursive: true });
        symlinkSync('/etc', join(context, 'src/sub'));
      },
    ],
    [
      'a file that became a link',
      (context) => {
        rmSync(join(context, 'src/x'));
        symlinkSync('../outside', join(context, 'src/x'));
      },
    ],
    [
      'the outermost folder that became a link out of the context',
      (context) => {
        renameSync(join(context, 'src'), join(context, 'gone'));
        symlinkSync('/etc', join(context, 'src'));
      },
    ],
  ])('S-40 S-75 L-154 %s is an error with --parents', async (_, change) => {
    expect(await raced(change, parents)).toBe('CONTEXT_CHANGED');
  });

  it('S-75 L-154 folders of --parents are as the key says', async () => {
    const change = (context: string): void => chmodSync(join(context, 'src'), 0o700);
    expect(await raced(change, parents)).toEqual([
      ...['dir dest 755 0:0', 'dir dest/src 755 0:0', 'dir dest/src/sub 755 0:0'],
      ...['file dest/src/sub/file 644 0:0 4', 'file dest/src/x 644 0:0 1'],
    ]);
  });
});

describe('a context that changes while it is read for its key', () => {
  requires('root', 'overlay');

  /** Keys a copy of three files of which as many vanish, one a reading, right before they are opened. */
  async function keyed(vanishing: readonly string[]): Promise<string> {
    const context = makeContext({ 'src/a': 'a', 'src/b': 'b', 'src/c': 'c' });
    await using world = await opsWorld(context);
    const [first] = world.services.contexts.values();
    if (first === undefined) throw new Error('no context');
    const left = [...vanishing];
    const root = new Proxy(first.root, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...given: readonly unknown[]): unknown => {
          if (name === 'open' && given[0] === left[0]) rmSync(join(context, left.shift() ?? ''));
          return Reflect.apply(value, target, given);
        };
      },
    });
    const contexts = new Map([[mainContext, { ...first, root }]]);
    const op = new CopyOp(copyStep(), { ...world.services, contexts });
    const { parts } = await op.cacheMap(unwatched.signal);
    const steady = await new CopyOp(copyStep(), world.services).cacheMap(unwatched.signal);
    expect(parts).toEqual(steady.parts);
    return readdirSync(join(context, 'src')).join(' ');
  }

  it('S-75 is read once more', async () => {
    expect(await keyed(['src/b'])).toBe('a c');
  });

  it('S-75 is an error when it changes again', async () => {
    await expect(keyed(['src/b', 'src/c'])).rejects.toMatchObject({ code: 'CONTEXT_CHANGED' });
  });
});
