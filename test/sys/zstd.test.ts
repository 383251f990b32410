import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { zstdFrame, zstdRoom } from '../../src/sys/index.ts';

async function packed(bytes: Uint8Array, level = 3): Promise<Buffer> {
  const out = Buffer.alloc(zstdRoom(bytes.length), 0xee);
  return out.subarray(0, await zstdFrame(out, { bytes, level }));
}

const text = Buffer.from('the quick brown fox jumps over the lazy dog. '.repeat(5000));

describe('zstdFrame', () => {
  it('gives back what was packed, with room enough for whatever it is', async () => {
    const anything = fc.tuple(fc.uint8Array({ maxLength: 5000 }), fc.integer({ min: 1, max: 9 }));
    await fc.assert(
      fc.asyncProperty(anything, async ([bytes, level]) => {
        const frame = await packed(bytes, level);
        expect(zstdDecompressSync(frame)).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 60 },
    );
  });

  it('the bytes do not depend on what was packed before, nor on what is packed beside', async () => {
    const alone = await packed(text);
    await packed(Buffer.alloc(3_000_000, 'x'), 9);
    const beside = await Promise.all([1, 3, 3, 5, 3, 3].map(async (level) => packed(text, level)));
    for (const at of [1, 2, 4, 5]) expect(beside[at]).toEqual(alone);
  });

  it('says that the room is too small', async () => {
    const out = Buffer.alloc(10);
    await expect(zstdFrame(out, { bytes: Buffer.from('noise: 8fe3a5c2'), level: 3 })).rejects.toThrow('EIO');
  });
});
