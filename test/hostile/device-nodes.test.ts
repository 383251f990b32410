import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { attack, bothModes, expectConfined, expectRefused, pathsOf } from '../support/hostile.ts';

const device = { type: 'block', device: [8, 0] as const, mode: 0o666 };

describe.each(bothModes)('S-50 device nodes (%s)', (mode) => {
  it('are refused where the caller says so', async () => {
    for (const type of ['block', 'char']) {
      const { error, tree } = await attack([{ path: 'a' }, { ...device, path: 'sda', type }], {
        mode,
        devices: 'refuse',
      });
      expect(error).toMatchObject({
        code: 'ARCHIVE_INVALID',
        message: expect.stringContaining('"sda"') as string,
      });
      expect(pathsOf(tree)).toEqual(['a']);
    }
  });

  it('are created where the caller says so', async () => {
    const tree = await expectConfined([{ ...device, path: 'sda' }], { mode, devices: 'create' });
    expect(tree).toMatchObject([{ path: 'sda', type: 'block', content: '8:0', mode: '666' }]);
  });

  it('are skipped with all their names, and what they replace is gone', async () => {
    const tree = await expectConfined(
      [
        { ...device, path: 'd/sda' },
        { path: 'link', type: 'hardlink', link: 'd/sda' },
        { path: 'fifo', type: 'fifo' },
      ],
      { mode, devices: 'skip', before: ({ root }) => writeFileSync(join(root, 'other'), '') },
    );
    expect(pathsOf(tree)).toEqual(['d', 'fifo', 'other']);
  });

  it('0:0, which is a whiteout on an overlay, is refused always', async () => {
    for (const devices of ['create', 'skip', 'refuse'] as const) {
      const archive = [{ path: 'a', type: 'char', device: [0, 0] as const }];
      await expectRefused('ARCHIVE_INVALID', archive, { mode, devices });
      await expectRefused('ARCHIVE_INVALID', [{ path: 'a', type: 'char', flavour: 'v7' }], { mode, devices });
    }
  });

  it('a file, a pipe or a device is replaced and never opened', async () => {
    const tree = await expectConfined(
      [
        { path: 'p', type: 'fifo' },
        { path: 'c', type: 'char', device: [1, 8] },
        { path: 'p', body: 'file' },
        { path: 'c', body: 'file' },
      ],
      { mode },
    );
    expect(tree.map(({ path, type }) => `${path} ${type}`)).toEqual(['c file', 'p file']);
  });
});
