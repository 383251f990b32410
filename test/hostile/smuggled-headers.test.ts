import { describe, expect, it } from 'vitest';

import { bothModes, expectConfined, expectRefused, pathsOf } from '../support/hostile.ts';
import { makeTar, type TarSpec } from '../support/make-tar.ts';

/** A whole entry, to be hidden in the body of another. */
const hidden = makeTar([{ path: 'smuggled', body: 'evil' }], { open: true });

/** What one reader shows and another does not passes every scanner in between. */
describe.each(bothModes)('S-50 headers smuggled past a reader (%s)', (mode) => {
  it('a PAX size speaks of the body, not of the long name before it', async () => {
    const archive: TarSpec[] = [
      { path: 'x', type: 'pax', body: `13 size=${String(hidden.length)}\n` },
      { path: '././@LongLink', type: 'longName', body: 'named\0', flavour: 'gnu' },
      { path: 'cut', body: hidden, fields: { size: '00000000000' } },
      { path: 'after' },
    ];
    const tree = await expectConfined(archive, { mode });
    expect(pathsOf(tree)).toEqual(['after', 'named']);
  });

  it('a PAX size of zero takes no body away', async () => {
    const tree = await expectConfined(
      [
        { path: 'x', type: 'pax', body: '9 size=0\n' },
        {
          path: '././@LongLink',
          type: 'longName',
          body: Buffer.concat([Buffer.from('n\0'), Buffer.alloc(510), hidden]),
        },
        { path: 'cut' },
      ],
      { mode },
    );
    expect(pathsOf(tree)).toEqual(['n']);
  });

  it('a size in a global header speaks of nothing', async () => {
    const tree = await expectConfined(
      [
        { path: 'g', type: 'globalPax', body: '9 size=0\n' },
        { path: 'f', body: hidden },
      ],
      { mode },
    );
    expect(pathsOf(tree)).toEqual(['f']);
  });

  it('an xattr value that reads like records is a value', async () => {
    const tree = await expectConfined(
      [{ path: 'f', pax: { 'SCHILY.xattr.user.x': 'a\n17 path=smuggled\n' } }],
      { mode },
    );
    expect(pathsOf(tree)).toEqual(['f']);
  });

  it.each<[string, TarSpec[]]>([
    [
      'two PAX headers',
      [
        { path: 'x', type: 'pax', body: '8 path=a\n'.replace('8', '9') },
        { path: 'f', pax: { path: 'b' } },
      ],
    ],
    [
      'two long names',
      [
        { path: 'x', type: 'longName', body: 'a\0' },
        { path: 'f', longName: 'b' },
      ],
    ],
    [
      'two long links',
      [
        { path: 'x', type: 'longLink', body: 'a\0' },
        { path: 'f', longLink: 'b' },
      ],
    ],
    ['a PAX path and another long name', [{ path: 'f', pax: { path: 'a' }, longName: 'b' }]],
    [
      'a PAX link and another long link',
      [{ path: 'f', type: 'symlink', link: 'x', pax: { linkpath: 'a' }, longLink: 'b' }],
    ],
    ['a directory with a body', [{ path: 'd/', type: '\0', body: hidden }]],
    ['a zero block in the middle', [{ path: 'f' }]],
    ['a PAX path with a NUL', [{ path: 'f', pax: { path: 'a\0b' } }]],
    ['a PAX link with a NUL', [{ path: 'f', type: 'symlink', link: 'x', pax: { linkpath: 'a\0b' } }]],
    ['an unknown type', [{ path: 'f', type: 'Q', body: 'x' }]],
    ['a volume label', [{ path: 'f', type: 'V' }]],
    ['a sparse file', [{ path: 'f', type: 'S', flavour: 'gnu' }]],
    ['a sparse file of PAX', [{ path: 'f', pax: { 'GNU.sparse.major': '1', 'GNU.sparse.name': 'g' } }]],
  ])('%s is refused', async (what, specs) => {
    const archive = what.startsWith('a zero block')
      ? Buffer.concat([makeTar(specs, { open: true }), Buffer.alloc(512), hidden, Buffer.alloc(1024)])
      : makeTar(specs);
    await expectRefused('ARCHIVE_INVALID', archive, { mode });
  });
});
