import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { attack, expectConfined, expectRefused, pathsOf, type Arena } from '../support/hostile.ts';

function lower({ root }: Arena): void {
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'd', 'a'), '');
  writeFileSync(join(root, 'keep'), '');
}

describe('S-52 whiteouts that name nothing, or something else', () => {
  it.each(['.wh.', '.wh..', '.wh...', '.wh..wh.', '.wh..wh.plnk', '.wh..wh.aufs', '.wh..wh..opq.x'])(
    '%s is refused',
    async (name) => {
      for (const path of [name, `d/${name}`, `./d/${name}`, `/d//${name}`]) {
        const { error, tree } = await attack([{ path }], { mode: 'layer', before: lower });
        expect(error).toMatchObject({ code: 'ARCHIVE_INVALID' });
        expect(pathsOf(tree)).toEqual(['d', 'd/a', 'keep']);
      }
    },
  );

  it('a name with a slash in it cannot be had: it is a path', async () => {
    const tree = await expectConfined([{ path: '.wh.d/a' }], { mode: 'archive', before: lower });
    expect(pathsOf(tree)).toEqual(['.wh.d', '.wh.d/a', 'd', 'd/a', 'keep']);
    await expectRefused('ARCHIVE_INVALID', [{ path: '.wh.d/a' }], { mode: 'layer', before: lower });
    await expectRefused('ARCHIVE_INVALID', [{ path: '.wh..wh.plnk/1.2' }], { mode: 'layer', before: lower });
    await expectRefused('ARCHIVE_INVALID', [{ path: 'd/.wh..wh..opq/x' }], { mode: 'layer', before: lower });
  });

  it('whatever type the entry has, it only hides', async () => {
    for (const type of ['directory', 'symlink', 'fifo', 'char', 'hardlink']) {
      const archive = [{ path: 'd/.wh.a', type, link: '/keep', device: [1, 3] as const }];
      const tree = await expectConfined(archive, { mode: 'layer', before: lower });
      expect(pathsOf(tree)).toEqual(['d', 'keep']);
    }
  });

  it('a whiteout of what is not there, or below what is not there, is nothing', async () => {
    const tree = await expectConfined(
      [
        { path: '.wh.missing' },
        { path: 'missing/.wh.x' },
        { path: 'missing/.wh..wh..opq' },
        { path: 'keep/.wh.x' },
      ],
      { mode: 'layer', before: lower },
    );
    expect(pathsOf(tree)).toEqual(['d', 'd/a', 'keep']);
  });

  it('of an archive that is no layer are names like others', async () => {
    const archive = [{ path: 'd/.wh.a', body: 'x' }, { path: 'd/.wh..wh..opq' }, { path: '.wh.' }];
    const tree = await expectConfined(archive, { mode: 'archive', before: lower });
    expect(pathsOf(tree)).toEqual(['.wh.', 'd', 'd/.wh..wh..opq', 'd/.wh.a', 'd/a', 'keep']);
  });
});
