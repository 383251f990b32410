import { randomFillSync } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Crc64 } from '../../src/seekable/crc64.ts';
import { packSeekable, type SeekableFacts, type SeekableKind } from '../../src/seekable/index.ts';
import { decompress, readTar } from '../../src/tar/index.ts';
import { collectBytes } from '../support/collect.ts';
import { makeTar, streamOf, type TarSpec } from '../support/make-tar.ts';
import { crc64, readEstargz, readZstdChunked, sha256 } from '../support/seekable-reader.ts';

const kinds = ['estargz', 'zstd:chunked'] as const;
const MiB = 2 ** 20;
const noise = randomFillSync(Buffer.alloc(4096));

/** Of exactly that size; compresses, but not to nothing. */
function body(size: number): Buffer {
  return Buffer.alloc(size, Buffer.concat([noise, Buffer.alloc(4096, String(size))]));
}

/** Text as makeTar takes bytes. */
const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

/** All that a layer can have, with files around every size at which something begins anew. */
const specs: readonly TarSpec[] = [
  { path: 'dir/', type: 'directory', mode: 0o1777 },
  { path: 'dir/empty' },
  { path: 'dir/one', body: 'x', mtime: 0 },
  { path: 'dir/block', body: body(512) },
  { path: 'dir/more', body: body(513), mode: 0o4755, uid: 7, gid: 8 },
  { path: 'dir/link', type: 'symlink', link: 'one' },
  { path: 'dir/hard', type: 'hardlink', link: 'dir/block' },
  { path: 'dir/null', type: 'char', device: [1, 3] },
  { path: 'dir/sda', type: 'block', device: [8, 0] },
  { path: 'dir/pipe', type: 'fifo' },
  { path: 'dir/.wh.gone' },
  {
    path: 'other',
    pax: { path: latin1('dir/grüße'), 'SCHILY.xattr.user.a': latin1('ÿ'), mtime: '12.5' },
    body: 'h',
  },
  { path: 'x', longName: `dir/${'long'.repeat(60)}`, flavour: 'gnu', body: 'gnu' },
  ...[MiB, 2 * MiB, 4 * MiB + 1].map((size) => ({
    path: `dir/${size}`,
    body: body(size),
  })),
  { path: 'dir/last', body: 'end' },
];
const tar = makeTar(specs);

async function packed(
  kind: SeekableKind,
  source: Uint8Array,
  { chunk, level }: { readonly chunk?: number; readonly level?: number } = {},
): Promise<SeekableFacts & { readonly blob: Buffer }> {
  const layer = packSeekable(streamOf(source, chunk), { kind, level });
  const blob = await collectBytes(layer.bytes);
  return { blob, ...layer.facts() };
}

async function unpacked(blob: Uint8Array): Promise<Buffer> {
  return collectBytes((await decompress(streamOf(blob))).bytes);
}

async function namesOf(bytes: Buffer): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { header } of readTar(streamOf(bytes))) names.push(header.path);
  return names;
}

describe.each([
  ['estargz', readEstargz],
  ['zstd:chunked', readZstdChunked],
] as const)('O-72 %s', (kind, read) => {
  it('O-72 has every file where its table says, whole and in chunks', async () => {
    const { blob, annotations } = await packed(kind, tar);
    const { files, entries } = read(blob, annotations);
    for (const { path, body: content = '', type = 'file', pax, longName } of specs) {
      if (type !== 'file') continue;
      const name = Buffer.from(pax?.['path'] ?? longName ?? path, 'latin1').toString('utf8');
      expect(files.get(name)?.equals(Buffer.from(content))).toBe(true);
    }
    const row = (name: string): unknown => entries.find((each) => each.name === name);
    expect(row('dir/')).toMatchObject({ type: 'dir', mode: 0o1777, modtime: '2023-11-14T22:13:20Z' });
    expect(row('dir/more')).toMatchObject({ type: 'reg', mode: 0o4755, uid: 7, gid: 8, size: 513 });
    expect(row('dir/link')).toMatchObject({ type: 'symlink', linkName: 'one' });
    expect(row('dir/hard')).toMatchObject({ type: 'hardlink', linkName: 'dir/block' });
    expect(row('dir/null')).toMatchObject({ type: 'char', devMajor: 1, devMinor: 3 });
    expect(row('dir/pipe')).toMatchObject({ type: 'fifo' });
    expect(row('dir/grüße')).toMatchObject({
      modtime: '1970-01-01T00:00:12.500000000Z',
      xattrs: { 'user.a': Buffer.from('ÿ').toString('base64') },
    });
    const chunks = entries.filter(({ name }) => name === `dir/${4 * MiB + 1}`);
    expect(chunks).toHaveLength(kind === 'estargz' ? 2 : 3);
  });

  it('O-72 has the same bytes however its tar arrives, and others at another level', async () => {
    const { blob } = await packed(kind, tar);
    for (const chunk of [9999, 333_333])
      expect((await packed(kind, tar, { chunk })).blob.equals(blob)).toBe(true);
    const best = await packed(kind, tar, { level: 9 });
    expect(best.blob.length).toBeLessThan(blob.length);
    expect(read(best.blob, best.annotations).files.size).toBeGreaterThan(10);
  });

  it('O-72 says of whatever files there are what they are', async () => {
    const path = fc.stringMatching(/^[a-z]{1,8}$/);
    const files = fc.dictionary(path, fc.uint8Array({ maxLength: 3000 }), {
      maxKeys: 12,
      noNullPrototype: true,
    });
    await fc.assert(
      fc.asyncProperty(files, async (content) => {
        const made = Object.entries(content).map(([name, bytes]): TarSpec => ({ path: name, body: bytes }));
        const { blob, annotations } = await packed(kind, makeTar(made));
        const found = read(blob, annotations).files;
        for (const [name, bytes] of Object.entries(content))
          expect(found.get(name)?.equals(bytes)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it.each<[what: string, specs: readonly TarSpec[]]>([
    ['a name that is no UTF-8', [{ path: 'b\xff' }]],
    ['a link that is no UTF-8', [{ path: 'b', type: 'symlink', link: '\xff' }]],
    ['an xattr whose name is no UTF-8', [{ path: 'b', pax: { 'SCHILY.xattr.user.\xff': '' } }]],
    ['two entries of one path', [{ path: 'a', body: 'again' }]],
    [
      'two entries of one folder, once with a slash',
      [
        { path: 'd/', type: 'directory' },
        { path: 'd', type: 'directory' },
      ],
    ],
    ['a time of access', [{ path: 'b', pax: { atime: '1' } }]],
    ['a time of access, as GNU has it', [{ path: 'b', flavour: 'gnu', fields: { prefix: '00000000001\0' } }]],
    ['the type in the mode', [{ path: 'b', mode: 0o100644 }]],
    [
      'a size without a body',
      [{ path: 'b', type: 'hardlink', link: 'a', fields: { size: '00000000010\0' } }],
    ],
    ['words for all later entries', [{ path: 'g', type: 'globalPax', body: '9 a=bcde\n' }, { path: 'b' }]],
  ])('O-72 of a tar with what no table can say is an ordinary layer: %s', async (_, more) => {
    const odd = makeTar([{ path: 'a', body: 'first' }, ...more, { path: 'z', body: 'last' }]);
    const { blob, annotations, diffId = sha256(odd) } = await packed(kind, odd);
    expect(annotations).toEqual({});
    const plain = await unpacked(blob);
    expect(sha256(plain)).toBe(diffId);
    const names = await namesOf(plain);
    expect(names.filter((name) => name !== '.no.prefetch.landmark')).toEqual(await namesOf(odd));
  });

  it('O-72 L-175 is unpacked as a stream: places that a footer or a table names count for nothing', async () => {
    const { blob } = await packed(kind, tar);
    const plain = await unpacked(blob);
    const forged = Buffer.from(blob);
    // Where the table is; and for zstd:chunked its sizes as well.
    if (kind === 'estargz') forged.write('7fffffffffffffff', forged.length - 51 + 16, 'latin1');
    else forged.fill(0xff, forged.length - 64, forged.length - 8);
    expect((await unpacked(forged)).equals(plain)).toBe(true);
    await expect(unpacked(blob.subarray(0, -20))).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });

  it('O-72 of a damaged tar fails as its reader does, and of one that would fill the memory', async () => {
    await expect(packed(kind, tar.subarray(0, 700))).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) yield await Promise.resolve(Buffer.alloc(MiB));
    };
    await expect(collectBytes(packSeekable(endless(), { kind }).bytes)).rejects.toMatchObject({
      code: 'ARCHIVE_LIMIT',
    });
  });
});

describe('eStargz', () => {
  it('O-72 unpacks to the tar with a landmark before and the table after it, and says so', async () => {
    const { blob, annotations, diffId } = await packed('estargz', tar);
    const plain = gunzipSync(blob);
    expect(sha256(plain)).toBe(diffId);
    expect(annotations['io.containers.estargz.uncompressed-size']).toBe(String(plain.length));
    const names = await namesOf(plain);
    expect(names).toEqual(['.no.prefetch.landmark', ...(await namesOf(tar)), 'stargz.index.json']);
    const { files } = readEstargz(blob, annotations);
    expect(files.get('.no.prefetch.landmark')).toEqual(Buffer.of(0xf));
    expect(plain.subarray(-1024).equals(Buffer.alloc(1024))).toBe(true);
  });

  it('O-72 of one that is one already is the same', async () => {
    const { blob } = await packed('estargz', tar);
    expect((await packed('estargz', gunzipSync(blob))).blob.equals(blob)).toBe(true);
  });

  it('O-72 of a tar that ends without padding or end mark is whole', async () => {
    const cut = makeTar([{ path: 'a', body: 'ab' }], { open: true }).subarray(0, 514);
    const { blob, annotations } = await packed('estargz', cut);
    expect(readEstargz(blob, annotations).files.get('a')?.toString()).toBe('ab');
    expect(await namesOf(gunzipSync(blob))).toContain('stargz.index.json');
  });
});

describe('zstd:chunked', () => {
  it('O-72 unpacks to the very tar, which can be made of its files again', async () => {
    const trailing = Buffer.concat([tar, Buffer.alloc(10_240)]);
    const { blob, annotations, diffId } = await packed('zstd:chunked', trailing);
    expect(diffId).toBeUndefined();
    expect((await unpacked(blob)).equals(trailing)).toBe(true);
    expect(readZstdChunked(blob, annotations).tar.equals(trailing)).toBe(true);
  });

  it('O-72 has the checksum of Go’s crc64', () => {
    const sum = (bytes: Uint8Array): string => {
      const checksum = new Crc64();
      checksum.update(bytes.subarray(0, 3));
      checksum.update(bytes.subarray(3));
      return checksum.digest().toString('hex');
    };
    // The check value of CRC-64/GO-ISO.
    expect(sum(Buffer.from('123456789'))).toBe('b90956c775a41001');
    expect(sum(noise)).toBe(crc64(noise));
  });
});

it('O-72 an empty layer has a table, too', async () => {
  for (const kind of kinds) {
    const { blob, annotations } = await packed(kind, makeTar([]));
    const { entries } = (kind === 'estargz' ? readEstargz : readZstdChunked)(blob, annotations);
    expect(entries.filter(({ name }) => name !== '.no.prefetch.landmark')).toEqual([]);
  }
});
