import { describe, expect, it } from 'vitest';

import { bothModes, expectConfined, expectRefused, pathsOf } from '../support/hostile.ts';

describe.each(bothModes)('O-37 one path, twice (%s)', (mode) => {
  const kinds = ['file', 'directory', 'symlink', 'hardlink', 'char', 'fifo'] as const;
  const pairs = kinds.flatMap((first) => kinds.map((second) => [first, second] as const));

  it.each(pairs)('%s, then %s: the last one stands', async (first, second) => {
    const entry = (type: string, mode: number) => ({
      path: 'x',
      type,
      mode,
      link: type === 'hardlink' ? 'target' : 'nowhere',
      device: [1, 3] as const,
    });
    const tree = await expectConfined(
      [
        { path: 'target', body: 't', mode: 0o640 },
        entry(first, first === 'hardlink' ? 0o640 : 0o600),
        entry(second, 0o640),
      ],
      { mode },
    );
    const x = tree.find(({ path }) => path === 'x');
    expect(x?.type).toBe(second === 'hardlink' ? 'file' : second);
    if (second !== 'symlink') expect(x?.mode).toBe('640');
    expect(tree.find(({ path }) => path === 'target')).toMatchObject({ mode: '640', type: 'file' });
  });

  it('a directory takes its contents along when it is replaced', async () => {
    const tree = await expectConfined([{ path: 'd/e/f' }, { path: 'd' }], { mode });
    expect(tree).toMatchObject([{ path: 'd', type: 'file' }]);
  });

  it('a directory over a directory keeps its contents', async () => {
    const tree = await expectConfined([{ path: 'd/e' }, { path: 'd', type: 'directory', mode: 0o700 }], {
      mode,
    });
    expect(tree).toMatchObject([{ path: 'd', mode: '700' }, { path: 'd/e' }]);
  });

  it.each(['file', 'fifo', 'char', 'hardlink'])('nothing can be below a %s', async (type) => {
    await expectRefused(
      'ARCHIVE_INVALID',
      [{ path: 'f' }, { path: 'x', type, link: 'f', device: [1, 3] }, { path: 'x/y' }],
      { mode },
    );
    await expectRefused(
      'ARCHIVE_INVALID',
      [{ path: 'x/y' }, { path: 'f' }, { path: 'x', type, link: 'f', device: [1, 3] }, { path: 'x/y' }],
      { mode },
    );
  });

  it('the same path in other spellings is the same path', async () => {
    const tree = await expectConfined(
      [
        { path: './a//b', body: '1' },
        { path: '/a/./b', body: '22' },
      ],
      { mode },
    );
    expect(pathsOf(tree)).toEqual(['a', 'a/b']);
  });
});
