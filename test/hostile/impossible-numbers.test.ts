import { describe, expect, it } from 'vitest';

import { bothModes, expectConfined, expectRefused } from '../support/hostile.ts';
import type { TarSpec } from '../support/make-tar.ts';

const negative = (bytes: number): Buffer => Buffer.alloc(bytes, 0xff);
const huge = (bytes: number): Buffer => Buffer.concat([Buffer.from([0x80]), Buffer.alloc(bytes - 1, 0xff)]);

describe.each(bothModes)('S-50 numbers no file can have (%s)', (mode) => {
  it.each<[string, TarSpec]>([
    ['a size below zero', { path: 'f', fields: { size: negative(12) } }],
    ['a huge size', { path: 'f', fields: { size: huge(12) } }],
    ['a size below zero on a directory', { path: 'f', type: 'directory', fields: { size: negative(12) } }],
    ['a size below zero on an extended header', { path: 'f', type: 'pax', fields: { size: negative(12) } }],
    ['a PAX size below zero', { path: 'f', pax: { size: '-1' } }],
    ['a PAX size that is no number', { path: 'f', pax: { size: '1e3' } }],
    ['an owner below zero', { path: 'f', fields: { uid: negative(8) } }],
    ['a group below zero', { path: 'f', fields: { gid: negative(8) } }],
    ['an owner that means "leave it"', { path: 'f', pax: { uid: '4294967295' } }],
    ['an owner that would wrap to 0', { path: 'f', pax: { uid: '4294967296' } }],
    ['a group that would wrap to 0', { path: 'f', pax: { gid: '18446744073709551616' } }],
    ['a PAX owner below zero', { path: 'f', pax: { uid: '-1' } }],
    ['a huge time', { path: 'f', fields: { mtime: huge(12) } }],
    ['a PAX time that is none', { path: 'f', pax: { mtime: 'yesterday' } }],
    ['a huge PAX time', { path: 'f', pax: { mtime: '99999999999999999999' } }],
    ['letters for a mode', { path: 'f', fields: { mode: '000rwx0\0' } }],
    ['a device of too many bits', { path: 'f', type: 'char', device: [4096, 0] }],
    ['a minor device of too many bits', { path: 'f', type: 'char', device: [1, 1_048_576] }],
    ['a device below zero', { path: 'f', type: 'char', fields: { major: negative(8) } }],
  ])('%s', async (_, spec) => {
    const outcome = await expectRefused('ARCHIVE_INVALID', [spec], { mode });
    expect(outcome.tree).toEqual([]);
  });

  it('the largest that can be are unpacked', async () => {
    const pax = { uid: '4294967294', gid: '4294967294', mtime: '-100.5' };
    const tree = await expectConfined([{ path: 'f', mode: 0o7777, pax }], { mode });
    expect(tree).toMatchObject([{ path: 'f', mode: '7777', owner: '4294967294:4294967294' }]);
  });
});
