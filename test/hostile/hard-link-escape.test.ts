import { describe, expect, it } from 'vitest';

import { attack, bothModes, expectConfined, expectRefused, pathsOf } from '../support/hostile.ts';

describe.each(bothModes)('S-50 hard links to files outside (%s)', (mode) => {
  it('by an absolute name', async () => {
    await expectRefused(
      'ARCHIVE_INVALID',
      ({ outside }) => [
        { path: 'h', type: 'hardlink', link: `${outside}/canary` },
        { path: 'h', body: 'evil' },
      ],
      { mode },
    );
  });

  it.each(['../outside/canary', 'a/../../outside/canary', '..', '/..'])('by %s', async (link) => {
    await expectRefused('ARCHIVE_INVALID', [{ path: 'h', type: 'hardlink', link }], { mode });
  });

  it('by a PAX link path or a GNU long link', async () => {
    for (const extra of [{ pax: { linkpath: '../outside/canary' } }, { longLink: '../outside/canary' }]) {
      await expectRefused(
        'ARCHIVE_INVALID',
        [{ path: 'f' }, { path: 'h', type: 'hardlink', link: 'f', ...extra }],
        {
          mode,
        },
      );
    }
  });

  it('through a symlink of a directory', async () => {
    await expectRefused(
      'ARCHIVE_INVALID',
      ({ outside }) => [
        { path: 'd', type: 'symlink', link: outside },
        { path: 'h', type: 'hardlink', link: 'd/canary' },
      ],
      { mode },
    );
  });

  it('to a symlink links the symlink itself, and sets no attribute of its target', async () => {
    const tree = await expectConfined(
      ({ outside }) => [
        { path: 's', type: 'symlink', link: `${outside}/canary` },
        { path: 'h', type: 'hardlink', link: 's', mode: 0o777, uid: 12, mtime: 1 },
        { path: 't', type: 'hardlink', link: 'h' },
        { path: 'h', body: 'evil' },
      ],
      { mode },
    );
    expect(tree.map(({ path, type }) => `${path} ${type}`)).toEqual(['h file', 's symlink', 't symlink']);
  });
});

describe.each(bothModes)('hard links that cannot be (%s)', (mode) => {
  it.each([
    ['to nothing', [{ path: 'h', type: 'hardlink', link: 'missing' }]],
    ['to nothing, below a missing directory', [{ path: 'h', type: 'hardlink', link: 'missing/f' }]],
    ['to itself', [{ path: 'h' }, { path: 'h', type: 'hardlink', link: 'h' }]],
    ['to itself in other words', [{ path: 'h' }, { path: 'h', type: 'hardlink', link: './/h' }]],
    ['to the root', [{ path: 'h', type: 'hardlink', link: '.' }]],
    ['below a file', [{ path: 'f' }, { path: 'h', type: 'hardlink', link: 'f/x' }]],
    ['to what it replaces', [{ path: 'd/f' }, { path: 'd', type: 'hardlink', link: 'd/f' }]],
  ])('%s', async (_, archive) => {
    await expectRefused('ARCHIVE_INVALID', archive, { mode });
  });

  it('to a directory', async () => {
    const { error, tree } = await attack(
      [
        { path: 'd', type: 'directory' },
        { path: 'h', type: 'hardlink', link: 'd' },
      ],
      { mode },
    );
    expect(error).toMatchObject({ code: 'ARCHIVE_INVALID' });
    expect(pathsOf(tree)).toEqual(['d']);
  });
});
