import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { liveItems } from '../../src/ops/index.ts';
import { collectGarbage, openStore } from '../../src/store/index.ts';
import { built, treeLines, type Built } from '../support/built-tree.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('COPY --link', () => {
  requires('root', 'overlay', 'tool:getfattr', 'tool:tar');

  /** Builds Dockerfiles of these lines one after the other in one store. */
  async function series(
    files: Readonly<Record<string, string>>,
    ...dockerfiles: readonly (readonly string[])[]
  ): Promise<readonly Built[]> {
    const { path: root } = tempFolder('root');
    const context = makeContext(files);
    const results: Built[] = [];
    for (const lines of dockerfiles) {
      writeContext(context, { Dockerfile: lines.join('\n') });
      results.push(await built({ context, root }));
    }
    return results;
  }

  const base = (content: string): string[] => ['FROM scratch', 'COPY <<E /base', content, 'E'];

  it('L-153 is not made again on another base, and is the same layer', async () => {
    const link = 'COPY --link src /dest/';
    const [first, other, plain] = await series(
      { 'src/a': 'a', 'src/sub/b': 'b' },
      [...base('one'), link],
      [...base('two'), link],
      [...base('one'), 'COPY src /dest/'],
    );
    expect(first?.ran).toContainEqual(expect.stringContaining(link));
    expect(other?.ran.filter((name) => name.includes(`] ${link}`))).toEqual([]);
    expect(other?.layers[1]).toBe(first?.layers[1]);
    expect(other?.layers[0]).not.toBe(first?.layers[0]);
    expect(treeLines((await first?.tree()) ?? [])).toEqual(treeLines((await plain?.tree()) ?? []));
  });

  it('L-153 answers from the cache what nothing changed, and goes on below a changed base', async () => {
    const lines = ['COPY --link src /dest/', 'COPY --link --chown=5 src /more', 'COPY last /'];
    const [, again, changed] = await series(
      { 'src/a': 'a', last: '' },
      [...base('one'), ...lines],
      [...base('one'), ...lines],
      [...base('two'), ...lines],
    );
    expect(again?.ran).toEqual([]);
    expect(changed?.ran).toHaveLength(1 + 2 + 1); // the base, two merges, the plain copy
    expect(treeLines((await changed?.tree()) ?? [])).toEqual([
      ...['base 644 0:0', 'dest 755 0:0 directory', 'dest/a 644 0:0', 'last 644 0:0'],
      ...['more 755 5:5 directory', 'more/a 644 5:5'],
    ]);
  });

  it('L-153 L-168 does not follow links of the destination', async () => {
    const links = ['FROM scratch', 'COPY tree /'];
    const files = { 'tree/real/x': '', f: 'f' };
    const context = makeContext(files);
    symlinkSync('real', join(context, 'tree/link'));
    const tree = async (...lines: string[]): Promise<string[]> => {
      writeContext(context, { Dockerfile: [...links, ...lines].join('\n') });
      return treeLines(await (await built({ context })).tree());
    };
    expect(await tree('COPY f /link/')).toEqual([
      ...['link 777 0:0 symlink real', 'real 755 0:0 directory', 'real/f 644 0:0', 'real/x 644 0:0'],
    ]);
    expect(await tree('COPY --link f /link/')).toEqual([
      ...['link 755 0:0 directory', 'link/f 644 0:0', 'real 755 0:0 directory', 'real/x 644 0:0'],
    ]);
  });

  it('L-153 L-169 gives folders that exist the mode and owner of the copy', async () => {
    const stage = ['FROM scratch', 'COPY --chown=7:7 --chmod=1777 x /tmp/x'];
    const [plain, linked, owned] = await series(
      { x: '', y: '' },
      [...stage, 'COPY y /tmp/y'],
      [...stage, 'COPY --link y /tmp/y'],
      [...stage, 'COPY --link --chown=9 y /tmp/y'],
    );
    const tmp = async (of: Built | undefined): Promise<string | undefined> =>
      treeLines((await of?.tree()) ?? []).find((line) => line.startsWith('tmp '));
    expect(await tmp(plain)).toBe('tmp 777 7:7 directory');
    expect(await tmp(linked)).toBe('tmp 755 0:0 directory');
    expect(await tmp(owned)).toBe('tmp 755 9:9 directory');
  });

  it('L-153 is copied onto what a later step sees', async () => {
    const [first] = await series({ 'src/a': 'a', b: 'b' }, [
      ...[...base('one'), 'COPY --link src /dest/', 'COPY --link b /dest/a', 'FROM scratch'],
      ...['COPY --from=0 /dest /', 'COPY --link --from=0 /base /deep/er/'],
    ]);
    expect(treeLines((await first?.tree()) ?? [])).toEqual([
      ...['a 644 0:0', 'deep 755 0:0 directory', 'deep/er 755 0:0 directory', 'deep/er/base 644 0:0'],
    ]);
  });

  it('L-153 L-154 L-155 goes with --parents and --exclude', async () => {
    const [first] = await series({ 'a/b/x': '', 'a/b/y': '', 'c/x': '' }, [
      ...['FROM scratch', 'COPY --link --parents --exclude=**/y a/b c/x /'],
    ]);
    expect(treeLines((await first?.tree()) ?? [])).toEqual([
      ...[
        'a 755 0:0 directory',
        'a/b 755 0:0 directory',
        'a/b/x 644 0:0',
        'c 755 0:0 directory',
        'c/x 644 0:0',
      ],
    ]);
  });

  it('L-153 keeps what is shared while anything of it is in use', async () => {
    const { path: root } = tempFolder('root');
    const context = makeContext({ 'src/a': 'a' });
    for (const content of ['one', 'two']) {
      writeContext(context, { Dockerfile: [...base(content), 'COPY --link src /dest/'].join('\n') });
      await built({ context, root });
    }
    {
      await using store = await openStore(root);
      await collectGarbage(store, { liveItems: () => liveItems(store) });
    }
    for (const content of ['one', 'two']) {
      writeContext(context, { Dockerfile: [...base(content), 'COPY --link src /dest/'].join('\n') });
      expect((await built({ context, root })).ran).toEqual([]);
    }
  });
});
