import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { digestOf, type Digest } from '../../src/core/index.ts';
import type { BlobStore } from '../../src/store/index.ts';

export interface BlobStoreWorld extends AsyncDisposable {
  readonly blobs: BlobStore;
  /** What lies about in the world beside finished blobs: must be empty whenever no put is running. */
  leftovers(): readonly string[];
}

const absent = `sha256:${'0'.repeat(64)}` as Digest;

/** The contract of every BlobStore; calls every method. */
export function describeBlobStore(name: string, makeWorld: () => Promise<BlobStoreWorld>): void {
  describe(`BlobStore: ${name}`, () => {
    async function within(body: (blobs: BlobStore) => Promise<void>): Promise<void> {
      await using world = await makeWorld();
      await body(world.blobs);
      expect(world.leftovers()).toEqual([]);
    }

    const shapes: readonly (readonly [
      string,
      Buffer,
      (bytes: Buffer) => AsyncIterable<Uint8Array> | Uint8Array,
    ])[] = [
      ['nothing', Buffer.alloc(0), (bytes) => bytes],
      ['no chunk at all', Buffer.alloc(0), () => pieces(Buffer.alloc(0), 1)],
      ['bytes at hand', randomBytes(1000), (bytes) => bytes],
      ['single bytes', randomBytes(3000), (bytes) => pieces(bytes, 1)],
      ['tar blocks', randomBytes(512 * 1500), (bytes) => pieces(bytes, 512)],
      ['odd pieces around the batch', randomBytes(1_000_003), (bytes) => pieces(bytes, 262_143)],
      ['pieces larger than a batch', randomBytes(3_000_000), (bytes) => pieces(bytes, 1_000_001)],
      ['a buffer that its source uses again', randomBytes(700_000), (bytes) => reusing(bytes, 300_000)],
      ['a stream', randomBytes(200_000), (bytes) => Readable.from([bytes])],
    ];
    it.each(shapes)('keeps %s', async (_name, bytes, shape) => {
      await within(async (blobs) => {
        const content = await blobs.put(shape(Buffer.from(bytes)));
        expect(content).toEqual({ digest: digestOf(bytes), size: bytes.length });
        expect(await blobs.stat(content.digest)).toEqual({ size: bytes.length });
        expect(await blobs.read(content.digest)).toEqual(bytes);
        expect(await drain(await blobs.open(content.digest))).toEqual(bytes);
        expect(await drainCopies(blobs.chunks(content.digest))).toEqual(bytes);
      });
    });

    it('keeps what was promised, under the promised algorithm', async () => {
      await within(async (blobs) => {
        const bytes = randomBytes(300_000);
        const digest = `sha512:${createHash('sha512').update(bytes).digest('hex')}` as Digest;
        for (const source of [bytes, pieces(bytes, 1000)]) {
          expect(await blobs.put(source, { digest, size: bytes.length })).toEqual({
            digest,
            size: bytes.length,
          });
        }
        expect(await blobs.read(digest)).toEqual(bytes);
        expect(await collect(blobs.list())).toEqual([digest]);
      });
    });

    const broken: readonly (readonly [string, (right: Digest) => { digest?: Digest; size?: number }])[] = [
      ['another digest', () => ({ digest: absent })],
      ['another digest of the right size', () => ({ digest: absent, size: 300_000 })],
      ['fewer bytes', (digest) => ({ digest, size: 299_999 })],
      ['more bytes', (digest) => ({ digest, size: 300_001 })],
      ['more bytes and no digest', () => ({ size: 300_001 })],
    ];
    it.each(broken)(
      'S-55 refuses content that was promised as %s, and stores nothing',
      async (_name, promise) => {
        await within(async (blobs) => {
          const bytes = randomBytes(300_000);
          for (const source of [bytes, pieces(bytes, 4096)]) {
            await expect(blobs.put(source, promise(digestOf(bytes)))).rejects.toMatchObject({
              code: 'DIGEST_MISMATCH',
            });
          }
          expect(await collect(blobs.list())).toEqual([]);
        });
      },
    );

    it('S-55 stops reading a source that gives more than it promised', async () => {
      await within(async (blobs) => {
        let given = 0;
        let ended = false;
        async function* endless(): AsyncIterable<Uint8Array> {
          try {
            for (;;) {
              given += 1024;
              yield Buffer.alloc(1024);
            }
          } finally {
            ended = true;
          }
        }
        await expect(blobs.put(endless(), { size: 10_000 })).rejects.toMatchObject({
          code: 'DIGEST_MISMATCH',
        });
        expect(given).toBeLessThanOrEqual(11_264);
        expect(ended).toBe(true);
      });
    });

    it('a source that fails leaves nothing, and its own error', async () => {
      await within(async (blobs) => {
        async function* failing(): AsyncIterable<Uint8Array> {
          yield Buffer.alloc(500_000);
          throw new Error('the connection broke');
        }
        await expect(blobs.put(failing())).rejects.toThrow('the connection broke');
        expect(await collect(blobs.list())).toEqual([]);
      });
    });

    it('takes the same content again, and ends a source that it does not need', async () => {
      await within(async (blobs) => {
        const bytes = randomBytes(400_000);
        const content = await blobs.put(bytes);
        expect(await blobs.put(bytes)).toEqual(content);
        expect(await blobs.put(pieces(bytes, 1000))).toEqual(content);
        const source = Readable.from([bytes]);
        expect(await blobs.put(source, content)).toEqual(content);
        expect(source.destroyed).toBe(true);
        expect(await blobs.read(content.digest)).toEqual(bytes);
      });
    });

    const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
      ['cut short', (bytes) => bytes.subarray(0, 1000)],
      ['emptied', () => Buffer.alloc(0)],
      ['replaced by garbage of the same size', (bytes) => Buffer.alloc(bytes.length, 7)],
      ['grown', (bytes) => Buffer.concat([bytes, Buffer.from('x')])],
    ];
    describe.each(damages)('S-71 a blob that was %s', (_name, damage) => {
      const bytes = randomBytes(600_000);
      const digest = digestOf(bytes);
      const plant = (blobs: BlobStore): void => {
        mkdirSync(dirname(blobs.path(digest)), { recursive: true });
        writeFileSync(blobs.path(digest), damage(bytes));
      };

      it.each([
        ['bytes', () => bytes, undefined],
        ['a stream', () => pieces(bytes, 5000), undefined],
        ['a promised stream', () => pieces(bytes, 5000), { digest, size: bytes.length }],
        ['a stream of a promised digest', () => pieces(bytes, 5000), { digest }],
      ])('is healed by putting %s', async (_source, source, expected) => {
        await within(async (blobs) => {
          plant(blobs);
          expect(await blobs.put(source(), expected)).toEqual({ digest, size: bytes.length });
          expect(await blobs.read(digest)).toEqual(bytes);
        });
      });

      it('is an error at the end of reading, and a miss afterwards', async () => {
        await within(async (blobs) => {
          plant(blobs);
          await expect(blobs.open(digest).then(drain)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
          expect(await blobs.stat(digest)).toBeUndefined();
          plant(blobs);
          const chunks = drainCopies(blobs.chunks(digest));
          await expect(chunks).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
          expect(await blobs.stat(digest)).toBeUndefined();
          plant(blobs);
          await expect(blobs.read(digest)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
          await expect(blobs.read(digest)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
        });
      });
    });

    it('a blob that is not there', async () => {
      await within(async (blobs) => {
        expect(await blobs.stat(absent)).toBeUndefined();
        await expect(blobs.open(absent)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
        const chunks = drainCopies(blobs.chunks(absent));
        await expect(chunks).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
        await expect(blobs.read(absent)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
        await blobs.delete(absent);
        expect(await collect(blobs.list())).toEqual([]);
        expect(blobs.path(absent)).toContain('0'.repeat(64));
      });
    });

    it('lists and deletes', async () => {
      await within(async (blobs) => {
        const contents = await Promise.all(['a', 'b', 'c'].map((text) => blobs.put(Buffer.from(text))));
        const digests = contents.map((content) => content.digest);
        expect((await collect(blobs.list())).sort()).toEqual([...digests].sort());
        await blobs.delete(digests[1]!);
        expect((await collect(blobs.list())).sort()).toEqual([digests[0], digests[2]].sort());
        expect(await blobs.stat(digests[1]!)).toBeUndefined();
      });
    });

    it('reads no more than it is told to', async () => {
      await within(async (blobs) => {
        const { digest } = await blobs.put(Buffer.alloc(100));
        expect(await blobs.read(digest, 100)).toHaveLength(100);
        await expect(blobs.read(digest, 99)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
      });
    });

    it('a reader may stop at any time', async () => {
      await within(async (blobs) => {
        const { digest } = await blobs.put(pieces(randomBytes(5_000_000), 65_536));
        for await (const chunk of await blobs.open(digest)) {
          expect(chunk).toBeInstanceOf(Buffer);
          break;
        }
        (await blobs.open(digest)).destroy();
      });
    });

    it('many puts at once', async () => {
      await within(async (blobs) => {
        const all = Array.from({ length: 40 }, (_, index) => Buffer.alloc(10_000 + index * 997, index % 8));
        const contents = await Promise.all(
          all.map((bytes, index) => blobs.put(index % 2 === 0 ? bytes : pieces(bytes, 777))),
        );
        for (const [index, { digest }] of contents.entries())
          expect(await blobs.read(digest)).toEqual(all[index]);
      });
    });

    it.each([
      '',
      'sha256:',
      'sha256:../../../../etc/passwd',
      `sha256:${'a'.repeat(63)}/`,
      `sha256:${'A'.repeat(64)}`,
      `../../${'a'.repeat(64)}`,
      `md5:${'a'.repeat(32)}`,
      `sha256:${'a'.repeat(64)}\0`,
    ])('S-43 S-55 never makes a path of %j', async (text) => {
      await within(async (blobs) => {
        const hostile = text as Digest;
        const refused = { code: 'DIGEST_INVALID' };
        expect(() => blobs.path(hostile)).toThrow(expect.objectContaining(refused) as Error);
        await expect(blobs.stat(hostile)).rejects.toMatchObject(refused);
        await expect(blobs.open(hostile)).rejects.toMatchObject(refused);
        await expect(blobs.read(hostile)).rejects.toMatchObject(refused);
        await expect(blobs.delete(hostile)).rejects.toMatchObject(refused);
        await expect(blobs.put(Buffer.from('x'), { digest: hostile })).rejects.toMatchObject(refused);
        await expect(blobs.put(pieces(Buffer.from('x'), 1), { digest: hostile })).rejects.toMatchObject(
          refused,
        );
      });
    });
  });
}

async function* pieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** As decompressors do: every chunk is overwritten by the next one. */
async function* reusing(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  const buffer = Buffer.alloc(size);
  for (let at = 0; at < bytes.length; at += size) {
    const length = bytes.copy(buffer, 0, at, at + size);
    yield buffer.subarray(0, length);
    buffer.fill(0xee);
  }
}

/** Of chunks that take each other's place. */
async function drainCopies(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

async function drain(stream: Readable): Promise<Buffer> {
  return Buffer.concat(await collect(stream as AsyncIterable<Buffer>));
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
