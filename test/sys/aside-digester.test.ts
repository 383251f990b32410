import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { createAsideDigester } from '../../src/sys/index.ts';

describe('a digest that other threads reckon', () => {
  it.each([[[]], [[0]], [[1]], [[200_000]], [[63, 1, 64, 300_000, 5, 1 << 20, 131_072, 131_071]]])(
    'of pieces of %j bytes is that of all of them',
    async (lengths) => {
      const bytes = randomBytes(lengths.reduce((sum, length) => sum + length, 0));
      const digester = createAsideDigester();
      let at = 0;
      for (const length of lengths) {
        await digester.update(bytes.subarray(at, at + length));
        at += length;
      }
      expect(digester.digest()).toBe(digestOf(bytes));
    },
  );

  it('goes on beside others', async () => {
    const all = Array.from({ length: 8 }, () => randomBytes(3 << 20));
    const digests = await Promise.all(
      all.map(async (bytes) => {
        const digester = createAsideDigester();
        for (let at = 0; at < bytes.length; at += 1 << 20)
          await digester.update(bytes.subarray(at, at + (1 << 20)));
        return digester.digest();
      }),
    );
    expect(digests).toEqual(all.map((bytes) => digestOf(bytes)));
  });
});
