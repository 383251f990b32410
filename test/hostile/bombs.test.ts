import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { extractArchive } from '../../src/snapshot/apply.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { decompress } from '../../src/tar/index.ts';
import { attack, bothModes, expectConfined, expectRefused, pathsOf } from '../support/hostile.ts';
import { makeTar, streamOf } from '../support/make-tar.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe.each(bothModes)('S-51 bombs (%s)', (mode) => {
  it('of entries', async () => {
    const archive = Array.from({ length: 11 }, (_, index) => ({ path: `f${index}`, pax: { comment: 'x' } }));
    const { error, tree } = await attack(archive, { mode, limits: { entries: 10 } });
    expect(error).toMatchObject({ code: 'ARCHIVE_LIMIT' });
    expect(tree).toHaveLength(10);
    await expectConfined(archive, { mode, limits: { entries: 11 } });
  });

  it('of bytes', async () => {
    const archive = makeTar([{ path: 'f', body: Buffer.alloc(10_000) }]);
    await expectRefused('ARCHIVE_LIMIT', archive, { mode, limits: { bytes: 10_000 } });
    await expectConfined(archive, { mode, limits: { bytes: archive.length } });
    await expectRefused('ARCHIVE_LIMIT', archive, { mode, limits: { bytes: archive.length - 1 } });
  });

  it('of bytes after the end mark', async () => {
    const archive = Buffer.concat([makeTar([{ path: 'f' }]), Buffer.alloc(100_000)]);
    await expectRefused('ARCHIVE_LIMIT', archive, { mode, limits: { bytes: 50_000 } });
  });

  it('of a size that is only claimed', async () => {
    for (const size of ['77777777777\0', Buffer.from('80000000000000ffffffffff', 'hex')]) {
      const { error, tree } = await attack([{ path: 'f', fields: { size } }], {
        mode,
        limits: { bytes: 1_000_000 },
      });
      expect(error).toMatchObject({ code: 'ARCHIVE_LIMIT' });
      expect(tree).toEqual([]);
    }
    await expectRefused('ARCHIVE_LIMIT', [{ path: 'f', pax: { size: '9007199254740991' } }], { mode });
    await expectRefused('ARCHIVE_INVALID', [{ path: 'f', pax: { size: '5000' } }], { mode });
  });

  it('of a path', async () => {
    const path = Array.from({ length: 20 }, () => 'd'.repeat(204)).join('/');
    await expectRefused('ARCHIVE_LIMIT', [{ path: 'x', pax: { path: `${path}/xx` } }], { mode });
    await expectRefused('ARCHIVE_LIMIT', [{ path: 'x', longName: `${path}/xx` }], { mode });
    const tree = await expectConfined([{ path: 'x', pax: { path: path.slice(0, 4000) } }], { mode });
    expect(pathsOf(tree)).toHaveLength(20);
  });

  it('of a component', async () => {
    await expectRefused('ARCHIVE_INVALID', [{ path: 'x', pax: { path: 'n'.repeat(256) } }], { mode });
    await expectConfined([{ path: 'x', pax: { path: 'n'.repeat(255) } }], { mode });
  });

  it('of a link', async () => {
    const link = 'l'.repeat(4097);
    for (const type of ['symlink', 'hardlink']) {
      await expectRefused('ARCHIVE_LIMIT', [{ path: 'x', type, link: 'a', pax: { linkpath: link } }], {
        mode,
      });
    }
  });

  it('of nesting', async () => {
    const path = Array.from({ length: 600 }, () => 'd').join('/');
    await expectRefused('ARCHIVE_LIMIT', [{ path: 'x', pax: { path } }], { mode });
    const tree = await expectConfined([{ path: 'x', pax: { path: path.slice(0, 2 * 512 - 1) } }], { mode });
    expect(tree).toHaveLength(512);
  });

  it('of an extended header', async () => {
    const comment = 'c'.repeat(2 ** 20);
    await expectRefused('ARCHIVE_LIMIT', [{ path: 'f', pax: { comment } }], { mode });
    await expectRefused('ARCHIVE_LIMIT', [{ path: 'f', longName: comment }], { mode });
    await expectRefused('ARCHIVE_LIMIT', [{ path: 'f', longLink: comment }], { mode });
    await expectRefused(
      'ARCHIVE_LIMIT',
      [{ path: 'g', type: 'globalPax', body: comment + comment }, { path: 'f' }],
      { mode },
    );
    await expectRefused('ARCHIVE_LIMIT', [{ path: 'x', type: 'pax', fields: { size: '77777777777\0' } }], {
      mode,
    });
    await expectConfined([{ path: 'f', pax: { comment: comment.slice(100) } }], { mode });
  });
});

describe('S-51 compressed bombs', () => {
  const plain = makeTar([{ path: 'f', body: Buffer.alloc(50_000_000) }]);
  it.each([
    ['gzip', gzipSync(plain)],
    ['gzip in gzip members', Buffer.concat([gzipSync(plain), gzipSync(plain)])],
    ['zstd', zstdCompressSync(plain)],
  ])('%s stop at the limit', async (_, packed) => {
    expect(packed.length).toBeLessThan(plain.length / 100);
    using folder = tempFolder('bomb');
    using root = openRootDir(folder.path);
    const { bytes } = await decompress(streamOf(packed));
    const options = { devices: 'refuse', limits: { bytes: 49_000_000 } } as const;
    await expect(extractArchive(bytes, root, options)).rejects.toMatchObject({ code: 'ARCHIVE_LIMIT' });
  });
});
