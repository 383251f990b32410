import { createHash } from 'node:crypto';
import { constants, gunzipSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { deflatePiece, deflateRoom } from '../../src/sys/index.ts';

const levels = [1, 2, 3, 4, 5, 6, 7, 8, 9];

async function deflated(bytes: Uint8Array, { known = 0, level = 2 } = {}): Promise<Buffer> {
  const out = Buffer.alloc(deflateRoom(bytes.length - known), 0xee);
  return out.subarray(0, await deflatePiece(out, { bytes, known, level }));
}

/** What a reader makes of it that has the known bytes. */
function inflated(packed: Uint8Array, known: Uint8Array = Buffer.alloc(0)): Buffer {
  return inflateRawSync(packed, {
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(known.length > 0 ? { dictionary: known } : {}),
  });
}

/** The same numbers everywhere. */
function noise(length: number, values = 256): Buffer {
  let state = 1;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 16) % values;
    }),
  );
}

/** Counts like these want words of more than 15 bits. */
function fibonacci(): Buffer {
  let [one, other] = [1, 1];
  const runs = Array.from({ length: 22 }, (_, symbol) => {
    [one, other] = [other, one + other];
    return Buffer.alloc(one, symbol);
  });
  const all = Buffer.concat(runs);
  // In an order of which nothing repeats for long.
  return Buffer.from(Array.from(all, (_, n) => all[(n * 7919) % all.length] ?? 0));
}

const inputs: [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['three bytes', Buffer.from('xyz')],
  ['zeros', Buffer.alloc(700_000)],
  ['a short period', Buffer.alloc(100_001, 'abc')],
  ['a period of the whole window', Buffer.concat([noise(32_768), noise(32_768), noise(5)])],
  ['a period one beyond it', Buffer.concat([noise(32_769), noise(32_769)])],
  ['bytes that do not shrink', noise(1_000_003)],
  ['few symbols', noise(300_000, 3)],
  ['counts that want long words', fibonacci()],
  ['words', Buffer.from(Array.from({ length: 60_000 }, (_, n) => `w${(n * n) % 1009}`).join(' '))],
];

describe('deflate', () => {
  it.each(inputs)('%s, at every level', async (_, input) => {
    for (const level of levels) {
      expect(inflated(await deflated(input, { level })).equals(input)).toBe(true);
    }
  });

  it('refers back to what is known and packs no more than the rest', async () => {
    const known = noise(32_768);
    const rest = Buffer.concat([known.subarray(0, 20_000), Buffer.from('end')]);
    for (const level of levels) {
      const packed = await deflated(Buffer.concat([known, rest]), { known: known.length, level });
      expect(packed.length).toBeLessThan(1000);
      expect(inflated(packed, known).equals(rest)).toBe(true);
    }
  });

  it('never writes beyond the room for bytes that do not shrink', async () => {
    const input = noise(2 ** 20);
    const out = Buffer.alloc(deflateRoom(input.length) + 1000, 0xee);
    for (const level of levels) {
      const size = await deflatePiece(out.subarray(0, deflateRoom(input.length)), {
        ...{ bytes: input, known: 0, level },
      });
      expect(size).toBeLessThan(input.length + 1000);
      expect(out.subarray(deflateRoom(input.length)).equals(Buffer.alloc(1000, 0xee))).toBe(true);
    }
  });

  it('gives back whatever repeats in whatever way', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.nat(400))
        .map(([one, times]) =>
          Uint8Array.from({ length: one.length * times }, (_, n) => one[n % one.length] ?? 0),
        ),
    );
    const bytes = fc
      .tuple(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(11), { maxLength: 20 }))
      .map(([pieces, order]) => Buffer.concat(order.map((at) => pieces[at] ?? Buffer.alloc(0))));
    await fc.assert(
      fc.asyncProperty(bytes, fc.nat(), fc.integer({ min: 1, max: 9 }), async (input, cut, level) => {
        const known = Math.min(32_768, cut % (input.length + 1));
        const back = inflated(await deflated(input, { known, level }), input.subarray(0, known));
        expect(back.equals(input.subarray(known))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('gives the same bytes on every processor and every Node', async () => {
    const digests = [];
    for (const level of [1, 2, 6]) {
      const hash = createHash('sha256');
      for (const [, input] of inputs) hash.update(await deflated(input, { level }));
      digests.push(hash.digest('hex').slice(0, 16));
    }
    expect(digests).toEqual(['0440b9f37a1498fd', '349a3313c2e178be', '07611b6f76a4b55c']);
  });

  it.each([
    ['too little room', { room: 10, known: 0, level: 1, code: 'ENOSPC' }],
    ['more known than there is', { room: 500, known: 101, level: 1, code: 'EINVAL' }],
    ['no level', { room: 500, known: 0, level: 0, code: 'EINVAL' }],
    ['a level beyond the highest', { room: 500, known: 0, level: 10, code: 'EINVAL' }],
  ])('refuses %s', async (_, { room, known, level, code }) => {
    const failed = deflatePiece(Buffer.alloc(room), { bytes: Buffer.alloc(100), known, level });
    await expect(failed).rejects.toMatchObject({ code });
  });

  it('pieces that are packed at once are one stream', async () => {
    const input = Buffer.concat(inputs.map(([, one]) => one));
    const size = 100_000;
    const pieces = await Promise.all(
      Array.from({ length: Math.ceil(input.length / size) }, async (_, n) => {
        const known = Math.min(32_768, n * size);
        return deflated(input.subarray(n * size - known, (n + 1) * size), { known });
      }),
    );
    const head = Buffer.from('1f8b0800000000000003', 'hex');
    const stream = Buffer.concat([head, ...pieces]);
    expect(gunzipSync(stream, { finishFlush: constants.Z_SYNC_FLUSH }).equals(input)).toBe(true);
  });
});
