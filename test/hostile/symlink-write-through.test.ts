import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { bothModes, expectConfined, expectRefused, pathsOf } from '../support/hostile.ts';

describe.each(bothModes)('S-50 a symlink, then something written through it (%s)', (mode) => {
  it('an absolute link is followed inside the root only', async () => {
    const tree = await expectConfined(
      ({ outside }) => [
        { path: 'd', type: 'symlink', link: outside },
        { path: 'd/canary', body: 'evil' },
        { path: 'd/folder', type: 'directory', mode: 0o777 },
        { path: 'd/folder/inner', body: 'evil' },
      ],
      { mode },
    );
    expect(tree.find(({ path }) => path === 'd')?.type).toBe('symlink');
    expect(pathsOf(tree).filter((path) => path.endsWith('/outside/canary'))).toHaveLength(1);
  });

  it.each(['../outside', '../../../../../../outside', 'x/../../outside', '.././../outside/.'])(
    'a relative link %s as well',
    async (link) => {
      const tree = await expectConfined(
        [
          { path: 'x', type: 'directory' },
          { path: 'd', type: 'symlink', link },
          { path: 'd/canary', body: 'evil' },
        ],
        { mode },
      );
      expect(pathsOf(tree)).toContain('outside/canary');
    },
  );

  it('a folder that becomes a link around in a circle keeps nobody from ending', async () => {
    const tree = await expectConfined(
      [
        { path: 'd/file', body: 'x' },
        { path: 'd', type: 'symlink', link: '../d' },
        { path: 'file', body: 'y' },
      ],
      { mode },
    );
    expect(tree.find(({ path }) => path === 'd')?.type).toBe('symlink');
  });

  it('by several links, one through the other', async () => {
    const tree = await expectConfined(
      [
        { path: 'a', type: 'symlink', link: '..' },
        { path: 'b', type: 'symlink', link: 'a/..' },
        { path: 'c', type: 'symlink', link: 'b/a/../outside' },
        { path: 'c/canary', body: 'evil' },
      ],
      { mode },
    );
    expect(pathsOf(tree)).toEqual(['a', 'b', 'c', 'outside', 'outside/canary']);
  });

  it('a file over a link to a file replaces the link', async () => {
    const tree = await expectConfined(
      ({ outside }) => [
        { path: 'f', type: 'symlink', link: `${outside}/canary` },
        { path: 'f', body: 'evil', mode: 0o666 },
      ],
      { mode },
    );
    expect(tree).toMatchObject([{ path: 'f', type: 'file' }]);
  });

  it('a directory over a link to a directory replaces the link, and its attributes go nowhere', async () => {
    const tree = await expectConfined(
      ({ outside }) => [
        { path: 'd', type: 'symlink', link: outside },
        { path: 'd', type: 'directory', mode: 0o777, uid: 1, mtime: 1 },
        { path: 'd/canary', body: 'evil' },
      ],
      { mode },
    );
    expect(tree).toMatchObject([
      { path: 'd', type: 'directory', mode: '777' },
      { path: 'd/canary', type: 'file' },
    ]);
  });

  it('a directory that turns into a link between its files', async () => {
    const tree = await expectConfined(
      ({ outside }) => [
        { path: 'd', type: 'directory' },
        { path: 'd/folder', type: 'directory' },
        { path: 'd/folder/first' },
        { path: 'd', type: 'symlink', link: outside },
        { path: 'd/folder/inner', body: 'evil' },
        { path: 'd/canary', body: 'evil' },
      ],
      { mode },
    );
    expect(tree.find(({ path }) => path === 'd')?.type).toBe('symlink');
    expect(pathsOf(tree).filter((path) => path.endsWith('outside/folder/inner'))).toHaveLength(1);
    expect(pathsOf(tree)).not.toContain('d/folder/first');
  });

  it('a link that turns to another place between two files', async () => {
    const tree = await expectConfined(
      [
        { path: 'one', type: 'directory' },
        { path: 'two', type: 'directory' },
        { path: 'd', type: 'symlink', link: 'one' },
        { path: 'd/a' },
        { path: 'd', type: 'symlink', link: 'two' },
        { path: 'd/b' },
      ],
      { mode },
    );
    expect(pathsOf(tree)).toEqual(['d', 'one', 'one/a', 'two', 'two/b']);
  });

  it('links that were there before the archive lead nowhere else', async () => {
    const tree = await expectConfined([{ path: 'd/canary', body: 'evil' }], {
      mode,
      before: ({ root, outside }) => {
        mkdirSync(join(root, outside), { recursive: true });
        symlinkSync(outside, join(root, 'd'));
      },
    });
    expect(pathsOf(tree).filter((path) => path.endsWith('outside/canary'))).toHaveLength(1);
  });

  it('links in a circle are refused', async () => {
    await expectRefused(
      'ARCHIVE_INVALID',
      [{ path: 'a', type: 'symlink', link: 'b' }, { path: 'b', type: 'symlink', link: 'a' }, { path: 'a/x' }],
      { mode },
    );
  });

  it('magic links of /proc are text', async () => {
    const tree = await expectConfined(
      [
        { path: 'd', type: 'symlink', link: '/proc/self/root' },
        { path: 'd/x', body: 'evil' },
        { path: 'e', type: 'symlink', link: '/proc/self/cwd/package.json' },
        { path: 'e', body: 'evil' },
      ],
      { mode },
    );
    expect(pathsOf(tree)).toEqual(['d', 'e', 'proc', 'proc/self', 'proc/self/root', 'proc/self/root/x']);
  });

  it('times of a directory that became a link are not set on what the link leads to', async () => {
    const tree = await expectConfined(
      [
        { path: 'two', type: 'directory', mtime: 2000 },
        { path: 'two/sub', type: 'directory', mtime: 3000 },
        { path: 'd', type: 'directory', mtime: 4000 },
        { path: 'd/sub', type: 'directory', mtime: 5000 },
        { path: 'd', type: 'symlink', link: 'two' },
      ],
      { mode },
    );
    expect(pathsOf(tree)).toEqual(['d', 'two', 'two/sub']);
  });
});

describe('S-50 whiteouts through a symlink', () => {
  it.each(['.wh.canary', '.wh..wh..opq'])('%s hides nothing outside', async (name) => {
    const tree = await expectConfined(
      ({ outside }) => [
        { path: 'd', type: 'symlink', link: outside },
        { path: `d/${name}` },
        { path: 'up', type: 'symlink', link: '..' },
        { path: `up/outside/${name}` },
      ],
      { mode: 'layer', before: ({ root }) => mkdirSync(join(root, 'lower')) },
    );
    expect(pathsOf(tree)).toEqual(['d', 'lower', 'up']);
  });
});
