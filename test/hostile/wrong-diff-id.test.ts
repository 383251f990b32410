import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { expectConfined, expectRefused } from '../support/hostile.ts';
import { makeTar } from '../support/make-tar.ts';

describe('S-58 the diff id is made anew while unpacking', () => {
  const layer = makeTar([{ path: 'f', body: 'x' }]);

  it('another one than promised is refused', async () => {
    const diffId = digestOf('another layer');
    const { error } = await expectRefused('DIGEST_MISMATCH', layer, { mode: 'layer', diffId });
    expect(error).toMatchObject({ message: expect.stringContaining(diffId) as string });
  });

  it('the promised one passes', async () => {
    await expectConfined(layer, { mode: 'layer', diffId: digestOf(layer) });
  });

  it('every byte counts, those after the end mark as well', async () => {
    const padded = Buffer.concat([layer, Buffer.alloc(9216)]);
    await expectConfined(padded, { mode: 'layer', diffId: digestOf(padded) });
    await expectRefused('DIGEST_MISMATCH', padded, { mode: 'layer', diffId: digestOf(layer) });
    const cut = layer.subarray(0, -1024);
    await expectRefused('DIGEST_MISMATCH', cut, { mode: 'layer', diffId: digestOf(layer) });
  });

  it('bodies that nobody reads count', async () => {
    const whiteouts = makeTar([{ path: '.wh.f', body: 'unread' }]);
    await expectConfined(whiteouts, { mode: 'layer', diffId: digestOf(whiteouts) });
  });
});
