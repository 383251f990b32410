import { describe, expect, it } from 'vitest';

import { bothModes, expectConfined, expectRefused, pathsOf } from '../support/hostile.ts';

describe.each(bothModes)('S-50 names that lead out of the root (%s)', (mode) => {
  it.each([
    '../outside/canary',
    '../../outside/canary',
    'a/../../outside/canary',
    './../outside/canary',
    '..',
    'a/..',
    '/..',
    '/../x',
    'a/../b',
    '../',
  ])('%s is refused', async (path) => {
    for (const type of ['file', 'directory', 'fifo']) {
      await expectRefused('ARCHIVE_INVALID', [{ path, type }], { mode });
    }
  });

  it('by a PAX path or a GNU long name are refused too', async () => {
    await expectRefused('ARCHIVE_INVALID', [{ path: 'a', pax: { path: '../outside/canary' } }], { mode });
    await expectRefused('ARCHIVE_INVALID', [{ path: 'a', longName: '../outside/canary' }], { mode });
    await expectRefused('ARCHIVE_INVALID', [{ path: 'canary', fields: { prefix: '../outside' } }], { mode });
  });

  it('absolute names stay inside', async () => {
    const tree = await expectConfined(
      ({ outside }) => [
        { path: `${outside}/canary`, body: 'evil' },
        { path: '//x' },
        { path: '/etc//passwd' },
      ],
      { mode },
    );
    const paths = pathsOf(tree);
    expect(paths).toContain('x');
    expect(paths).toContain('etc/passwd');
    expect(paths.some((path) => path.endsWith('outside/canary'))).toBe(true);
  });

  it('names that only look like it are names', async () => {
    const tree = await expectConfined(
      [{ path: '...' }, { path: '..a' }, { path: 'a..' }, { path: 'a\\..\\b' }],
      { mode },
    );
    expect(pathsOf(tree)).toEqual(['...', '..a', 'a..', 'a\\..\\b']);
  });
});
