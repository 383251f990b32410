import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { nativeSha256, randomBelow, randomHex } from '../../src/sys/index.ts';

const inputs: readonly (Uint8Array | string)[] = [
  '',
  'a',
  'ÿ€😀',
  'half a pair: \ud800',
  'long '.repeat(10_000),
  new Uint8Array(0),
  randomBytes(100_000),
  randomBytes(100).subarray(7, 50),
];

function nodes(input: Uint8Array | string): string {
  return createHash('sha256').update(input).digest('hex');
}

describe('sha256 of the addon', () => {
  it('is that of node:crypto, for bytes and strings of any length', () => {
    expect(inputs.map((input) => nativeSha256.hex(input))).toEqual(inputs.map(nodes));
  });

  it('comes from pieces, too', () => {
    const state = nativeSha256.begin();
    for (const input of inputs) state.update(input);
    const whole = Buffer.concat(inputs.map((input) => Buffer.from(input)));
    expect(state.hex()).toBe(nodes(whole));
  });
});

describe('random names', () => {
  it('have the length asked for', () => {
    expect([0, 1, 8, 64].map((bytes) => randomHex(bytes).length)).toEqual([0, 2, 16, 128]);
    expect(randomHex(32)).toMatch(/^[0-9a-f]{64}$/);
    expect(() => randomHex(65)).toThrow('EINVAL');
  });

  it('come from all numbers below the limit', () => {
    const seen = new Set(Array.from({ length: 1000 }, () => randomBelow(3)));
    expect([...seen].sort()).toEqual([0, 1, 2]);
  });
});
