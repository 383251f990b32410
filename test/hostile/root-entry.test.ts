import { describe, expect, it } from 'vitest';

import { attack, bothModes, expectConfined, expectRefused } from '../support/hostile.ts';

/** umoci CVE-2021-29136: a layer whose `.` is a symlink made the root itself lead elsewhere. */
describe.each(bothModes)('S-50 the entry of the root (%s)', (mode) => {
  describe.each(['.', './', '/', '//', './.', './/./'])('%s', (path) => {
    const types = ['symlink', 'hardlink', 'char', 'block', 'fifo'];
    // With a slash at its end, a file is a directory of v7.
    it.each(path.endsWith('/') ? types : [...types, 'file'])('as %s is refused', async (type) => {
      await expectRefused(
        'ARCHIVE_INVALID',
        ({ outside }) => [
          { path: 'f' },
          { path: '.', pax: { path }, type, link: type === 'hardlink' ? 'f' : outside, device: [1, 3] },
          { path: 'canary', body: 'evil' },
        ],
        { mode },
      );
    });
  });

  it('as a directory gives the root its attributes', async () => {
    const archive = [{ path: './', type: 'directory', mode: 0o711, uid: 4, gid: 5 }, { path: './f' }];
    const tree = await expectConfined([...archive, { path: 'sub', type: 'directory' }], { mode });
    expect(tree.map(({ path }) => path)).toEqual(['f', 'sub']);
  });

  it('with no name at all is refused', async () => {
    await expectRefused('ARCHIVE_INVALID', [{ path: '' }], { mode });
    await expectRefused('ARCHIVE_INVALID', [{ path: '', type: 'directory' }], { mode });
  });
});

describe('S-52 a whiteout of the root', () => {
  it.each(['.wh..', './.wh..', 'a/.wh..', 'a/.wh...', '/.wh.'])(
    '%s is refused and hides nothing',
    async (path) => {
      const { error, tree } = await attack([{ path: 'a/f' }, { path }], { mode: 'layer' });
      expect(error).toMatchObject({ code: 'ARCHIVE_INVALID' });
      expect(tree.map((entry) => entry.path)).toEqual(['a', 'a/f']);
    },
  );
});
