import { chmodSync, mkdirSync, renameSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { built, treeLines, type Built } from '../support/built-tree.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Seconds; the context's times in these tests. */
const old = 1_000_000_000;

describe('the key of a COPY', () => {
  requires('root', 'overlay');
  const dockerfile = 'FROM scratch\nCOPY src /src\nCOPY last /\n';

  async function rebuilt(change: (context: string) => void): Promise<Built> {
    const root = tempFolder('root').path;
    const context = makeContext({
      Dockerfile: dockerfile,
      'src/a': 'a',
      'src/b': 'b',
      last: 'last',
      unused: '',
    });
    await built({ context, root });
    change(context);
    return built({ context, root });
  }

  it.each<readonly [what: string, change: (context: string) => void]>([
    ['a time', (context) => utimesSync(join(context, 'src/a'), old, old)],
    ['a file that it does not take', (context) => writeContext(context, { unused: 'changed' })],
    ['a new file beside its own', (context) => writeContext(context, { new: '' })],
    ['a label', (context) => writeContext(context, { Dockerfile: `${dockerfile}LABEL a=b\n` })],
    ['a comment', (context) => writeContext(context, { Dockerfile: `# hello\n${dockerfile}` })],
    ['the same again', (context) => writeContext(context, { 'src/a': 'a' })],
  ])('L-172 S-53 does not know %s', async (_, change) => {
    expect(await rebuilt(change)).toMatchObject({ ran: [], cached: { length: 3 } });
  });

  it.each<readonly [what: string, change: (context: string) => void]>([
    ['content', (context) => writeContext(context, { 'src/a': 'A' })],
    ['a mode', (context) => chmodSync(join(context, 'src/a'), 0o755)],
    ['a name', (context) => renameSync(join(context, 'src/a'), join(context, 'src/c'))],
    ['a new file', (context) => writeContext(context, { 'src/c': '' })],
    ['an empty folder', (context) => mkdirSync(join(context, 'src/d'))],
    ['the mode of a folder', (context) => mkdirSync(join(context, 'src/d'), { mode: 0o700 })],
    ['where a link leads', (context) => symlinkSync('a', join(context, 'src/l'))],
    [
      'the destination',
      (context) => writeContext(context, { Dockerfile: dockerfile.replace('/src', '/dst') }),
    ],
    [
      'the owner',
      (context) =>
        writeContext(context, { Dockerfile: dockerfile.replace('COPY src', 'COPY --chown=1 src') }),
    ],
    [
      'the mode asked for',
      (context) =>
        writeContext(context, { Dockerfile: dockerfile.replace('COPY src', 'COPY --chmod=700 src') }),
    ],
    [
      'what is left out',
      (context) =>
        writeContext(context, { Dockerfile: dockerfile.replace('COPY src', 'COPY --exclude=b src') }),
    ],
    ['what is ignored', (context) => writeContext(context, { '.dockerignore': 'src/b' })],
  ])('L-172 knows %s', async (_, change) => {
    expect((await rebuilt(change)).ran).toHaveLength(2);
  });

  it('L-172 knows the owners of a stage’s files, and nothing else of the stage', async () => {
    const root = tempFolder('root').path;
    const context = makeContext({ a: 'a', b: 'b' });
    const build = async (owner: string, unused: string): Promise<Built> => {
      const lines = [
        'FROM scratch AS stage',
        `COPY --chown=${owner} a /x/`,
        `COPY <<E /unused`,
        unused,
        'E',
        'FROM scratch',
        'COPY --from=stage /x /x',
        'COPY b /',
      ];
      writeContext(context, { Dockerfile: lines.join('\n') });
      return built({ context, root });
    };
    await build('1:1', 'one');
    expect((await build('1:1', 'two')).ran).toEqual([expect.stringContaining('/unused')]);
    expect((await build('2:1', 'two')).ran).toHaveLength(4);
    expect(treeLines(await (await build('2:1', 'two')).tree())).toContain('x/a 644 2:1');
  });

  it('C-19 S-53 of one Dockerfile is not another’s: the parent counts', async () => {
    const root = tempFolder('root').path;
    const context = makeContext({ a: 'a', one: '1', two: '2' });
    for (const first of ['one', 'two']) {
      writeContext(context, { Dockerfile: `FROM scratch\nCOPY ${first} /\nCOPY a /\n` });
      expect((await built({ context, root })).ran).toHaveLength(first === 'one' ? 3 : 2);
    }
  });
});
