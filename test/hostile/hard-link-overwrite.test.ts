import { linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { bothModes, expectConfined } from '../support/hostile.ts';

const evil = { body: 'evil', mode: 0o4777, uid: 7 };

describe.each(bothModes)('S-50 a file with a second name is replaced, never written into (%s)', (mode) => {
  it('when the second name is outside of the root', async () => {
    const tree = await expectConfined([{ path: 'f', ...evil }], {
      mode,
      sharesCanary: true,
      before: ({ root, outside }) => linkSync(join(outside, 'canary'), join(root, 'f')),
    });
    expect(tree).toMatchObject([{ path: 'f', mode: '4777', owner: '7:0' }]);
  });

  it('when the second name is inside', async () => {
    const tree = await expectConfined([{ path: 'f', ...evil }], {
      mode,
      before: ({ root }) => {
        writeFileSync(join(root, 'g'), 'alive', { mode: 0o600 });
        linkSync(join(root, 'g'), join(root, 'f'));
      },
    });
    expect(tree).toMatchObject([
      { path: 'f', mode: '4777', owner: '7:0' },
      { path: 'g', mode: '600', owner: '0:0' },
    ]);
    expect(tree.some(({ hardLinkOf }) => hardLinkOf !== undefined)).toBe(false);
  });

  it('when the archive itself made the link', async () => {
    const tree = await expectConfined(
      [
        { path: 'g', body: 'alive' },
        { path: 'h', type: 'hardlink', link: 'g' },
        { path: 'h', ...evil },
      ],
      { mode },
    );
    expect(tree).toMatchObject([
      { path: 'g', mode: '644' },
      { path: 'h', mode: '4777' },
    ]);
  });
});
