import { describe, expect, it } from 'vitest';

import { bothModes, expectConfined, pathsOf } from '../support/hostile.ts';
import { treeOfLayers } from '../support/layered.ts';
import { makeTar } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

const smuggled = {
  'SCHILY.xattr.trusted.overlay.opaque': 'y',
  'SCHILY.xattr.trusted.overlay.redirect': '/secret',
  'SCHILY.xattr.trusted.overlay.metacopy': '',
  'SCHILY.xattr.trusted.overlay.origin': 'x',
  'SCHILY.xattr.trusted.overlay.whiteout': 'y',
  'SCHILY.xattr.user.overlay.opaque': 'y',
  'SCHILY.xattr.user.overlay.redirect': '/secret',
  'SCHILY.xattr.user.overlay.whiteout': '',
  'SCHILY.xattr.user.overlay': 'y',
};
const foreign = {
  'SCHILY.xattr.security.selinux': 'system_u:object_r:unlabeled_t:s0\0',
  'SCHILY.xattr.security.ima': '\x01',
  'SCHILY.xattr.security.apparmor': 'x',
  'SCHILY.xattr.system.posix_acl_access': '\x02\0\0\0',
  'SCHILY.xattr.trusted.other': 'x',
  'SCHILY.xattr.nonsense': 'x',
};
const kept = { 'SCHILY.xattr.user.kept': 'k', 'SCHILY.xattr.user.overlaying': 'k' };

describe('S-50 xattrs that would rule the overlay or the host', () => {
  requires('root', 'overlay');

  it.each(bothModes)('O-38 are not set, those of the image are (%s)', async (mode) => {
    const pax = { ...smuggled, ...foreign, ...kept };
    const tree = await expectConfined(
      [
        { path: 'd', type: 'directory', pax },
        { path: 'f', pax },
      ],
      { mode },
    );
    const xattrs = ['user.kept=0x6b', 'user.overlaying=0x6b'];
    expect(tree).toMatchObject([
      { path: 'd', xattrs },
      { path: 'f', xattrs },
    ]);
  });

  it('O-38 hide nothing in the layers below', async () => {
    using folder = tempFolder('overlay');
    const tree = await treeOfLayers(folder.path, [
      makeTar([{ path: 'd/a' }, { path: 'secret/s' }, { path: 'f', body: 'lower' }]),
      makeTar([
        { path: 'd', type: 'directory', pax: smuggled },
        { path: 'f', body: 'upper', pax: smuggled },
      ]),
      makeTar([{ path: 'd/b' }]),
    ]);
    expect(pathsOf(tree)).toEqual(['d', 'd/a', 'd/b', 'f', 'secret', 'secret/s']);
    expect(tree.filter(({ xattrs }) => xattrs !== undefined)).toEqual([]);
  });

  it('on symlinks and pipes are left out: the kernel has none there', async () => {
    const tree = await expectConfined(
      [
        { path: 'l', type: 'symlink', link: 'x', pax: kept },
        { path: 'p', type: 'fifo', pax: kept },
      ],
      { mode: 'layer' },
    );
    expect(pathsOf(tree)).toEqual(['l', 'p']);
  });
});
