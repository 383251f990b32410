import { mkdirSync, readFileSync, symlinkSync, writeFileSync, linkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromBuffer, fromText, type ByteString } from '../../src/core/index.ts';
import { readTar, type TarEntryType, type TarHeader } from '../../src/tar/index.ts';
import { collect, collectBytes } from '../support/collect.ts';
import { makeTar, streamOf } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { readItems, writeTar, type TarItem } from '../support/tar-headers.ts';
import { tempFolder } from '../support/temp-folder.ts';

const bytes = (text: string): ByteString => text as ByteString;

async function headersOf(archive: Uint8Array): Promise<TarHeader[]> {
  return (await readItems(archive)).map(({ header }) => header);
}

describe('what the writer writes', () => {
  const text = (maxLength: number): fc.Arbitrary<ByteString> =>
    fc
      .uint8Array({ minLength: 1, maxLength })
      .map((raw) => fromBuffer(raw.map((byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte))));
  const path = fc.array(text(255), { minLength: 1, maxLength: 6 }).map((parts) => bytes(parts.join('/')));
  const type = fc.constantFrom<TarEntryType>(
    'file',
    'directory',
    'symlink',
    'hardlink',
    'char',
    'block',
    'fifo',
  );
  const xattrs = fc.uniqueArray(fc.tuple(text(40), fc.uint8Array({ maxLength: 300 }).map(fromBuffer)), {
    selector: ([name]) => name,
    maxLength: 3,
  });
  const item = fc
    .record({
      type,
      path,
      mode: fc.integer({ min: 0, max: 0o7777 }),
      uid: fc.integer({ min: 0, max: 0xfffffffe }),
      gid: fc.integer({ min: 0, max: 0xfffffffe }),
      mtime: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      mtimeNanos: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 })),
      link: text(200),
      device: fc.record({
        major: fc.integer({ min: 0, max: 4095 }),
        minor: fc.integer({ min: 0, max: 1048575 }),
      }),
      xattrs,
      body: fc.uint8Array({ maxLength: 2000 }),
    })
    .map(({ body, link, device, ...rest }): TarItem => {
      const isLink = rest.type === 'symlink' || rest.type === 'hardlink';
      const isDevice = rest.type === 'char' || rest.type === 'block';
      return [
        {
          ...rest,
          size: 0,
          link: isLink ? link : undefined,
          device: isDevice ? device : undefined,
          xattrs: rest.xattrs.toSorted((a, b) => (a[0] < b[0] ? -1 : 1)),
        },
        rest.type === 'file' ? body : new Uint8Array(0),
      ];
    });

  it('S-76 is read back the same, however it arrives', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { maxLength: 5 }),
        fc.integer({ min: 1, max: 3000 }),
        async (items, chunk) => {
          const back = await readItems(writeTar(items), { chunk });
          expect(back).toEqual(
            items.map(([header, body]) => ({
              header: { ...header, size: body?.length ?? 0 },
              body: Buffer.from(body ?? []),
            })),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('bodies', () => {
  const archive = makeTar([
    { path: 'a', body: 'x'.repeat(1300) },
    { path: 'b', body: 'second' },
    { path: 'c' },
  ]);

  it.each([1, 100, 511, 512, 513, 1024, 100_000])(
    'left unread are skipped (chunks of %i bytes)',
    async (chunk) => {
      const paths: string[] = [];
      for await (const { header } of readTar(streamOf(archive, chunk))) paths.push(header.path);
      expect(paths).toEqual(['a', 'b', 'c']);
    },
  );

  it('read in part are skipped to their end', async () => {
    const seen: string[] = [];
    for await (const entry of readTar(streamOf(archive, 700))) {
      for await (const chunk of entry.chunks()) {
        seen.push(`${entry.header.path}:${chunk.length > 0}`);
        break;
      }
    }
    expect(seen).toEqual(['a:true', 'b:true']);
  });

  it('come at once when they are in memory, and only then', async () => {
    const answers: (string | undefined)[] = [];
    for await (const entry of readTar(streamOf(archive, 1024))) {
      const whole = entry.buffered();
      answers.push(whole === undefined ? undefined : Buffer.from(whole).toString());
      if (whole !== undefined) expect(await collect(entry.chunks())).toEqual([]);
      else expect((await collectBytes(entry.chunks())).length).toBe(1300);
    }
    expect(answers).toEqual([undefined, 'second', '']);
  });

  it('are slices of the source, not copies', async () => {
    const whole = Buffer.from(archive);
    for await (const entry of readTar(streamOf(whole, whole.length))) {
      expect(entry.buffered()?.buffer).toBe(whole.buffer);
      break;
    }
  });

  it('cannot be read once the next entry was asked for', async () => {
    const reader = readTar(streamOf(archive));
    const first = (await reader.next()).value;
    await reader.next();
    expect(() => first?.buffered()).toThrow(/gone/);
    await expect(collect(first!.chunks())).rejects.toThrow(/gone/);
  });
});

describe('the source', () => {
  it('is read to its end, padding after the end mark included', async () => {
    const padded = Buffer.concat([makeTar([{ path: 'a' }]), Buffer.alloc(9216), Buffer.from('tail')]);
    let read = 0;
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const chunk of streamOf(padded, 700)) {
        read += (chunk as Uint8Array).length;
        yield chunk as Uint8Array;
      }
    }
    await collect(readTar(counted()));
    expect(read).toBe(padded.length);
  });

  it('is closed when the reader stops early', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield makeTar([{ path: 'a' }, { path: 'b' }], { open: true });
        yield Buffer.alloc(1024);
      } finally {
        closed = true;
      }
    }
    for await (const { header } of readTar(source())) {
      expect(header.path).toBe('a');
      break;
    }
    expect(closed).toBe(true);
  });

  it('gives its own errors on', async () => {
    async function* source(): AsyncGenerator<Uint8Array> {
      yield makeTar([{ path: 'a' }], { open: true });
      throw new Error('the cable was pulled');
    }
    await expect(collect(readTar(source()))).rejects.toThrow('the cable was pulled');
  });
});

describe('where archives end', () => {
  const one = makeTar([{ path: 'a' }], { open: true });
  it.each([
    ['at two zero blocks', Buffer.concat([one, Buffer.alloc(1024)])],
    ['at one zero block', Buffer.concat([one, Buffer.alloc(512)])],
    ['without any mark', one],
  ])('%s', async (_, archive) => {
    expect((await headersOf(archive)).length).toBe(1);
  });

  it('O-37 behind the last body, without its padding, as umoci insert writes them; nowhere else in it', async () => {
    const whole = makeTar([{ path: 'a', body: 'body' }], { open: true });
    const upTo = (length: number): Promise<TarHeader[]> => headersOf(whole.subarray(0, length));
    expect((await upTo(512 + 4)).map(({ path }) => path)).toEqual(['a']);
    for (const length of [511, 512, 515, 517, 1023]) {
      await expect(upTo(length), String(length)).rejects.toThrow(/in the middle of an entry/);
    }
  });

  it('of no bytes or no entries are empty', async () => {
    expect(await headersOf(Buffer.alloc(0))).toEqual([]);
    expect(await headersOf(Buffer.alloc(1024))).toEqual([]);
  });

  it('a zero block between entries is refused: some readers stop there and some go on', async () => {
    await expect(headersOf(Buffer.concat([one, Buffer.alloc(512), one]))).rejects.toThrow(/zero block/);
  });
});

describe('extended headers', () => {
  it('O-37 global PAX headers are ignored', async () => {
    const archive = makeTar([
      { path: 'g', type: 'globalPax', body: '16 path=evil.txt\n12 size=99\n10 uid=77\n' },
      { path: 'a', body: 'x' },
    ]);
    expect(await headersOf(archive)).toMatchObject([{ path: 'a', size: 1, uid: 0 }]);
  });

  it('override what the header says, empty values excepted', async () => {
    const pax = { path: 'b', linkpath: '', uid: '5', gid: '6', mtime: '-1.5', size: '3' };
    const archive = makeTar([{ path: 'a', body: 'xyz', pax, fields: { size: '00000000000' } }]);
    expect(await headersOf(archive)).toMatchObject([
      { path: 'b', uid: 5, gid: 6, mtime: -2, mtimeNanos: 500_000_000, size: 3 },
    ]);
    const empty = makeTar([{ path: 'a', uid: 9, pax: { path: '', uid: '', mtime: '', size: '' } }]);
    expect(await headersOf(empty)).toMatchObject([{ path: 'a', uid: 9, mtime: 1_700_000_000, size: 0 }]);
  });

  it('keep empty xattr values, and leave unknown records alone', async () => {
    const pax = {
      'SCHILY.xattr.user.empty': '',
      'LIBARCHIVE.xattr.user.x': 'eA==',
      comment: 'hi',
      hdrcharset: 'BINARY',
    };
    expect((await headersOf(makeTar([{ path: 'a', pax }])))[0]?.xattrs).toEqual([['user.empty', '']]);
  });

  it('GNU long names and links hold up to their NUL', async () => {
    const longName = `d/${'n'.repeat(300)}`;
    const archive = makeTar([
      { path: 'cut', longName, flavour: 'gnu' },
      { path: 'l', type: 'symlink', longLink: 't'.repeat(300), longName: 'name', flavour: 'gnu' },
    ]);
    expect(await headersOf(archive)).toMatchObject([
      { path: longName },
      { path: 'name', link: 't'.repeat(300) },
    ]);
  });

  it('end with their entry', async () => {
    const archive = makeTar([{ path: 'a', pax: { path: 'b', uid: '7' } }, { path: 'c' }]);
    expect(await headersOf(archive)).toMatchObject([
      { path: 'b', uid: 7 },
      { path: 'c', uid: 0 },
    ]);
  });
});

describe('old habits', () => {
  it('v7 directories are files whose name ends in a slash', async () => {
    const archive = makeTar([
      { path: 'd/', type: '\0', flavour: 'v7' },
      { path: 'd/f', type: '\0', flavour: 'v7', body: 'x' },
    ]);
    expect(await headersOf(archive)).toMatchObject([
      { path: 'd', type: 'directory' },
      { path: 'd/f', type: 'file', size: 1 },
    ]);
  });

  it('a size on a directory or a hard link has no body', async () => {
    const fields = { size: '00000001000' };
    const archive = makeTar([
      { path: 'd', type: 'directory', fields },
      { path: 'h', type: 'hardlink', link: 'f', fields },
      { path: 'f', body: 'x' },
    ]);
    expect(await headersOf(archive)).toMatchObject([
      { path: 'd', size: 0 },
      { path: 'h', size: 0 },
      { path: 'f', size: 1 },
    ]);
  });

  it('file type bits in the mode are dropped', async () => {
    expect(await headersOf(makeTar([{ path: 'a', mode: 0o104755 }]))).toMatchObject([{ mode: 0o4755 }]);
  });

  it('contiguous files are files', async () => {
    expect(await headersOf(makeTar([{ path: 'a', type: '7', body: 'x' }]))).toMatchObject([
      { type: 'file', size: 1 },
    ]);
  });
});

describe('S-76 other writers', () => {
  it.each(['v7', 'ustar', 'oldgnu', 'gnu', 'posix'])('GNU tar, format %s', async (format) => {
    requires('root', 'tool:tar');
    using folder = tempFolder('reader');
    const root = join(folder.path, 'root');
    const long = 'n'.repeat(format === 'v7' || format === 'ustar' ? 80 : 200);
    mkdirSync(join(root, 'd', 'p'.repeat(format === 'v7' ? 10 : 90)), { recursive: true });
    writeFileSync(join(root, 'd', 'file'), 'hello');
    writeFileSync(join(root, 'd', 'größe'), 'g');
    writeFileSync(Buffer.from(`${root}/d/raw\xff`, 'latin1'), 'r');
    writeFileSync(join(root, 'd', 'p'.repeat(format === 'v7' ? 10 : 90), long.slice(0, 80)), 'p');
    writeFileSync(join(root, 'd', long), 'l');
    linkSync(join(root, 'd', 'file'), join(root, 'd', 'hard'));
    symlinkSync(format === 'v7' || format === 'ustar' ? 'target' : 't'.repeat(200), join(root, 'd', 'soft'));
    utimesSync(join(root, 'd', 'file'), 1, 1.5);
    const archive = join(folder.path, 'a.tar');
    await runOk([
      'tar',
      `--format=${format}`,
      '--sort=name',
      '--numeric-owner',
      '-cf',
      archive,
      '-C',
      root,
      'd',
    ]);
    const items = await readItems(readFileSync(archive));
    const name = (path: string): ByteString => fromText(path);
    expect(items.map(({ header }) => header.path).sort()).toEqual(
      [
        name('d'),
        name('d/file'),
        name('d/größe'),
        name('d/hard'),
        bytes('d/raw\xff'),
        name('d/soft'),
        name(`d/${long}`),
        name(`d/${'p'.repeat(format === 'v7' ? 10 : 90)}`),
        name(`d/${'p'.repeat(format === 'v7' ? 10 : 90)}/${long.slice(0, 80)}`),
      ].sort(),
    );
    const one = (path: string) => items.find(({ header }) => header.path === fromText(path))!;
    expect(one('d/file').body.toString() + one('d/größe').body.toString()).toBe('hellog');
    expect(one('d/hard').header).toMatchObject({ type: 'hardlink', link: 'd/file' });
    expect(one('d/file').header).toMatchObject({
      mtime: 1,
      mtimeNanos: format === 'posix' ? 500_000_000 : 0,
    });
  });

  it('GNU tar with large numbers and old times in base-256', async () => {
    requires('root', 'tool:tar');
    using folder = tempFolder('reader');
    writeFileSync(join(folder.path, 'f'), 'x');
    const archive = join(folder.path, 'a.tar');
    const owner = ['--owner=:4000000000', '--group=:3000000', '--mtime=@-100'];
    await runOk(['tar', '--format=gnu', ...owner, '-cf', archive, '-C', folder.path, 'f']);
    expect(await headersOf(readFileSync(archive))).toMatchObject([
      { uid: 4_000_000_000, gid: 3_000_000, mtime: -100 },
    ]);
  });

  it.each(['USTAR_FORMAT', 'GNU_FORMAT', 'PAX_FORMAT'])('Python, %s', async (format) => {
    requires('tool:python3');
    using folder = tempFolder('reader');
    const archive = join(folder.path, 'a.tar');
    const script = `
import io, sys, tarfile
t = tarfile.open(sys.argv[1], 'w', format=tarfile.${format})
def add(name, type, **fields):
    m = tarfile.TarInfo(name); m.type = type; m.mtime = 5
    for k, v in fields.items(): setattr(m, k, v)
    t.addfile(m, io.BytesIO(b'x' * m.size))
add('d', tarfile.DIRTYPE)
add('d/f', tarfile.REGTYPE, size=700)
add('d/ä', tarfile.REGTYPE)
add('d/l', tarfile.SYMTYPE, linkname='x')
add('d/h', tarfile.LNKTYPE, linkname='d/f')
add('d/c', tarfile.CHRTYPE, devmajor=1, devminor=3)
add('d/p', tarfile.FIFOTYPE)
${format === 'USTAR_FORMAT' ? '' : "add('d/' + 'n' * 200, tarfile.REGTYPE, uid=3000000)"}
t.close()`;
    await runOk(['python3', '-c', script, archive]);
    const long = { path: `d/${'n'.repeat(200)}`, uid: 3_000_000 };
    expect(await headersOf(readFileSync(archive))).toMatchObject([
      { path: 'd', type: 'directory', mtime: 5 },
      { path: 'd/f', type: 'file', size: 700 },
      { path: fromText('d/ä') },
      { path: 'd/l', type: 'symlink', link: 'x' },
      { path: 'd/h', type: 'hardlink', link: 'd/f' },
      { path: 'd/c', type: 'char', device: { major: 1, minor: 3 } },
      { path: 'd/p', type: 'fifo' },
      ...(format === 'USTAR_FORMAT' ? [] : [long]),
    ]);
  });

  it('sparse files are refused with the way out', async () => {
    requires('tool:tar');
    using folder = tempFolder('reader');
    const archive = join(folder.path, 'a.tar');
    await runOk(['truncate', '-s', '10M', join(folder.path, 'f')]);
    for (const format of ['gnu', 'posix']) {
      await runOk(['tar', '-S', `--format=${format}`, '-cf', archive, '-C', folder.path, 'f']);
      await expect(headersOf(readFileSync(archive))).rejects.toMatchObject({
        code: 'ARCHIVE_INVALID',
        hint: 'create the archive without --sparse (-S)',
      });
    }
  });
});

describe('garbage', () => {
  it('S-51 never does anything but end or fail in words', async () => {
    const valid = makeTar([
      { path: 'a', body: 'x'.repeat(600), pax: { mtime: '1.5', path: 'b' } },
      { path: 'c', longName: 'd'.repeat(150), body: 'y' },
    ]);
    const flip = fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(flip, { minLength: 1, maxLength: 4 }),
        fc.nat(valid.length),
        async (flips, length) => {
          const bad = Buffer.from(valid.subarray(0, length));
          for (const { at, to } of flips) if (at < bad.length) bad[at] = to;
          try {
            await readItems(bad, { chunk: 333 });
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^ARCHIVE_/) as string });
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('that is no tar says so', async () => {
    await expect(headersOf(Buffer.alloc(2000, 'no tar '))).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
      hint: 'the archive is damaged, or it is not a tar archive',
    });
  });
});
