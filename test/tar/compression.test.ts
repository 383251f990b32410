import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync, constants } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  compress,
  decompress,
  decompressAs,
  isTarHead,
  peek,
  sniffCompression,
  type ForeignDecompressor,
} from '../../src/tar/index.ts';
import { collectBytes } from '../support/collect.ts';
import { makeTar, streamOf } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';

const text = Buffer.from('a layer\n'.repeat(100_000));
/** Compresses badly, so that several blocks and pieces come about. */
const noise = Buffer.concat([randomBytes(1_500_000), text]);
const skippable = Buffer.concat([Buffer.from([0x57, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from('table')]);

async function unpack(bytes: Uint8Array, chunk?: number): Promise<Buffer> {
  return collectBytes((await decompress(streamOf(bytes, chunk))).bytes);
}

describe('L-175 formats are told by their content', () => {
  it.each([
    ['gzip', '1f8b0800'],
    ['none', '1f8b0700'],
    ['zstd', '28b52ffd'],
    ['zstd', '502a4d18'],
    ['zstd', '5f2a4d18'],
    ['none', '602a4d18'],
    ['bzip2', '425a6839'],
    ['none', '425a6830'],
    ['xz', 'fd377a585a00'],
    ['none', 'fd377a585a'],
    ['none', '504b0304'],
    ['none', ''],
  ])('%s: %s', (compression, hex) => {
    expect(sniffCompression(Buffer.from(hex, 'hex'))).toBe(compression);
  });

  it('a tar by the checksum of its first header', () => {
    expect(isTarHead(makeTar([{ path: 'a', flavour: 'v7' }]))).toBe(true);
    expect(isTarHead(makeTar([]))).toBe(false);
    expect(isTarHead(Buffer.alloc(511, 'x'))).toBe(false);
    expect(isTarHead(text.subarray(0, 512))).toBe(false);
  });

  it('looking at the beginning loses nothing', async () => {
    for (const length of [0, 3, 512, 2000]) {
      const source = Buffer.from('x'.repeat(length));
      const { head, bytes } = await peek(streamOf(source, 100), 512);
      expect(head.length).toBe(Math.min(length, 512));
      expect(await collectBytes(bytes)).toEqual(source);
    }
  });

  it('a stream that is given up after a look is closed', async () => {
    for (const packed of [text, gzipSync(text), zstdCompressSync(text)]) {
      let closed = false;
      async function* source(): AsyncGenerator<Uint8Array> {
        try {
          yield packed;
          yield packed;
        } finally {
          closed = true;
        }
      }
      const { bytes } = await decompress(source());
      const inner = await peek(bytes);
      expect(inner.head).toEqual(text.subarray(0, 512));
      await inner.bytes[Symbol.asyncIterator]().return?.();
      expect(closed).toBe(true);
    }
  });
});

describe('decompression', () => {
  const zstd = (bytes: Uint8Array, options: Record<number, number> = {}): Buffer =>
    zstdCompressSync(bytes, { params: options });
  const checksummed = { [constants.ZSTD_c_checksumFlag]: 1 };

  it.each<[string, Buffer, Buffer]>([
    ['plain bytes', text, text],
    ['no bytes', Buffer.alloc(0), Buffer.alloc(0)],
    ['gzip', gzipSync(text), text],
    [
      'gzip of several members',
      Buffer.concat([gzipSync(text), gzipSync(noise)]),
      Buffer.concat([text, noise]),
    ],
    ['gzip with zeros after it', Buffer.concat([gzipSync(text), Buffer.alloc(100)]), text],
    ['zstd', zstd(noise), noise],
    [
      'zstd of several frames',
      Buffer.concat([zstd(text), zstd(noise, checksummed), zstd(text)]),
      Buffer.concat([text, noise, text]),
    ],
    [
      'zstd with skippable frames',
      Buffer.concat([skippable, zstd(text), skippable, zstd(noise), skippable]),
      Buffer.concat([text, noise]),
    ],
    ['zstd with an empty frame', Buffer.concat([zstd(Buffer.alloc(0)), zstd(text)]), text],
    ['zstd of one byte repeated', zstd(Buffer.alloc(5_000_000, 'a')), Buffer.alloc(5_000_000, 'a')],
  ])('of %s', async (_, packed, plain) => {
    for (const chunk of [65_536, 1000]) expect((await unpack(packed, chunk)).equals(plain)).toBe(true);
  });

  it('of tiny chunks', async () => {
    const packed = Buffer.concat([
      zstd(Buffer.from('one')),
      skippable,
      zstd(Buffer.from('two'), checksummed),
    ]);
    expect((await unpack(packed, 1)).toString()).toBe('onetwo');
  });

  it('finds the frames of any zstd stream', async () => {
    const part = fc.record({
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(300_000).map((n) => Buffer.alloc(n, 'ab')),
      ),
      level: fc.integer({ min: 1, max: 19 }),
      checksum: fc.integer({ min: 0, max: 1 }),
      size: fc.integer({ min: 0, max: 1 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 4 }), async (parts) => {
        const packed = parts.map(({ bytes, level, checksum, size }) =>
          zstd(bytes, {
            [constants.ZSTD_c_compressionLevel]: level,
            [constants.ZSTD_c_checksumFlag]: checksum,
            [constants.ZSTD_c_contentSizeFlag]: size,
          }),
        );
        const plain = Buffer.concat(parts.map(({ bytes }) => bytes));
        expect((await unpack(Buffer.concat(packed))).equals(plain)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it.each<[string, Buffer]>([
    ['gzip cut off', gzipSync(noise).subarray(0, -100)],
    ['gzip cut off before its sum', gzipSync(text).subarray(0, -8)],
    ['gzip with a wrong sum', Buffer.concat([gzipSync(text).subarray(0, -8), Buffer.alloc(8, 1)])],
    ['gzip with garbage after it', Buffer.concat([gzipSync(text), Buffer.from('garbage')])],
    ['gzip of nothing but its magic', Buffer.from('1f8b08', 'hex')],
    ['zstd cut off', zstd(noise).subarray(0, -100)],
    ['zstd cut off in its header', zstd(text).subarray(0, 5)],
    ['zstd cut off before its sum', zstd(text, checksummed).subarray(0, -4)],
    ['zstd with a wrong sum', Buffer.concat([zstd(text, checksummed).subarray(0, -4), Buffer.alloc(4)])],
    ['zstd with garbage after it', Buffer.concat([zstd(text), Buffer.from('garbage')])],
    ['zstd whose second frame is cut off', Buffer.concat([zstd(text), zstd(text).subarray(0, -2)])],
    ['zstd with a skippable frame cut off', Buffer.concat([zstd(text), skippable.subarray(0, -2)])],
    ['zstd of nothing but its magic', Buffer.from('28b52ffd', 'hex')],
  ])('S-51 refuses %s', async (_, packed) => {
    for (const chunk of [65_536, Math.ceil(packed.length / 50)]) {
      await expect(unpack(packed, chunk)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    }
  });

  it('L-175 of zstd frames that are exactly as long as a piece of ours', async () => {
    for (const size of [2 ** 20, 2 * 2 ** 20, 4 * 2 ** 20]) {
      const zeros = Buffer.alloc(size);
      expect((await unpack(zstdCompressSync(zeros))).equals(zeros)).toBe(true);
    }
  });

  it('S-51 a bomb comes in small pieces, and stops with its reader', async () => {
    const bomb = zstd(Buffer.alloc(200_000_000));
    expect(bomb.length).toBeLessThan(smallFrameBytes);
    let seen = 0;
    for await (const chunk of (await decompress(streamOf(bomb))).bytes) {
      seen += chunk.length;
      if (seen > 10_000_000) break;
    }
    expect(seen).toBeLessThan(20_000_000);
  });

  it('gives bzip2 and xz to the caller', async () => {
    requires('tool:bzip2', 'tool:xz');
    const foreign: ForeignDecompressor = async function* (kind, source) {
      yield (await runCommand([kind, '-dc'], { input: await collectBytes(source) })).stdoutBytes;
    };
    for (const tool of ['bzip2', 'xz'] as const) {
      const packed = (await runCommand([tool, '-c'], { input: text })).stdoutBytes;
      const { compression, bytes } = await decompress(streamOf(packed), foreign);
      expect(compression).toBe(tool);
      expect((await collectBytes(bytes)).equals(text)).toBe(true);
      await expect(collectBytes(decompressAs(tool, streamOf(packed)))).rejects.toThrow(/not possible here/);
    }
  });

  it('gives the errors of its source on', async () => {
    for (const packed of [gzipSync(noise), zstdCompressSync(noise)]) {
      async function* source(): AsyncGenerator<Uint8Array> {
        yield packed.subarray(0, 1000);
        throw new Error('the cable was pulled');
      }
      await expect(decompress(source()).then(({ bytes }) => collectBytes(bytes))).rejects.toThrow(
        'the cable was pulled',
      );
    }
  });
});

const smallFrameBytes = 128 * 1024;

describe('compression', () => {
  const inputs: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('x')],
    ['exactly one piece', Buffer.alloc(2 ** 20, 'piece')],
    ['several pieces', Buffer.concat([noise, noise, text])],
  ];

  it.each(inputs)('gzip of %s is one member that every reader takes', async (_, input) => {
    const packed = await collectBytes(compress(streamOf(input), { compression: 'gzip' }));
    expect(gunzipSync(packed).equals(input)).toBe(true);
    const tool = await runCommand(['gzip', '-dc'], { input: packed });
    expect(tool.status).toBe(0);
    expect(tool.stdoutBytes.equals(input)).toBe(true);
    // Neither name nor time nor anything that tells machines apart.
    expect(packed.toString('hex', 0, 10)).toBe('1f8b0800000000000003');
  });

  it.each(inputs)('zstd of %s', async (_, input) => {
    const packed = await collectBytes(compress(streamOf(input), { compression: 'zstd' }));
    expect(zstdDecompressSync(packed).equals(input)).toBe(true);
    expect((await unpack(packed)).equals(input)).toBe(true);
  });

  it('zstd of several frames is one stream for the program zstd', async () => {
    requires('tool:zstd');
    const input = Buffer.concat([noise, noise, randomBytes(2_000_000)]);
    const packed = await collectBytes(compress(streamOf(input), { compression: 'zstd' }));
    const { stdoutBytes, stderr } = await runCommand(['zstd', '-dc'], { input: packed });
    expect(stderr).toBe('');
    expect(stdoutBytes.equals(input)).toBe(true);
  });

  it('gives the same bytes however the input is cut', async () => {
    const input = Buffer.concat([text, noise, text]);
    for (const compression of ['gzip', 'zstd'] as const) {
      const digests = new Set<string>();
      for (const chunk of [input.length, 1_000_000, 65_536, 7777]) {
        digests.add(
          (await collectBytes(compress(streamOf(input, chunk), { compression }))).toString('latin1'),
        );
      }
      expect(digests.size).toBe(1);
    }
  });

  it('shrinks across pieces as well as within', async () => {
    const input = Buffer.concat([randomBytes(30_000), randomBytes(2 ** 20 - 30_000)]);
    const twice = Buffer.concat([input, input.subarray(-20_000)]);
    const packed = await collectBytes(compress(streamOf(twice), { compression: 'gzip' }));
    expect(packed.length).toBeLessThan(input.length + 2000);
  });

  it('takes a level', async () => {
    const words = Buffer.from(Array.from({ length: 90_000 }, (_, n) => `w${(n * n) % 1009}`).join(' '));
    for (const compression of ['gzip', 'zstd'] as const) {
      const [fast, small] = await Promise.all(
        [1, 9].map((level) => collectBytes(compress(streamOf(words), { compression, level }))),
      );
      expect(small!.length).toBeLessThan(fast!.length);
    }
  });

  it('gives the errors of its source on', async () => {
    async function* source(): AsyncGenerator<Uint8Array> {
      yield noise;
      yield noise;
      throw new Error('the cable was pulled');
    }
    for (const compression of ['gzip', 'zstd'] as const) {
      await expect(collectBytes(compress(source(), { compression }))).rejects.toThrow('the cable was pulled');
    }
  });
});
