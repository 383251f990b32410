import { describe, expect, it } from 'vitest';

import type { ByteString } from '../../src/core/index.ts';
import { isReservedLayerName, parseLayerName, whiteoutName } from '../../src/tar/index.ts';

const bytes = (text: string): ByteString => text as ByteString;

describe('O-36 whiteout names', () => {
  it.each([
    ['plain', 'plain'],
    ['.wh', 'plain'],
    ['.who', 'plain'],
    ['a.wh.b', 'plain'],
    ['.wh.a', 'whiteout a'],
    ['.wh..a', 'whiteout .a'],
    ['.wh....', 'whiteout ...'],
    ['.wh.a\nb', 'whiteout a\nb'],
    ['.wh..wh..opq', 'opaque'],
  ])('%j', (name, expected) => {
    const meaning = parseLayerName(bytes(name));
    expect(meaning.kind === 'whiteout' ? `whiteout ${meaning.name}` : meaning.kind).toBe(expected);
  });

  it.each(['.wh.', '.wh..', '.wh...', '.wh..wh.', '.wh..wh.plnk', '.wh..wh..opq2', '.wh..wh..wh.x'])(
    'S-52 %j is refused',
    (name) => {
      expect(() => parseLayerName(bytes(name))).toThrow(/not a valid whiteout/);
    },
  );

  it('are made for names that are no whiteouts themselves', () => {
    expect(whiteoutName(bytes('a'))).toBe('.wh.a');
    expect(isReservedLayerName(bytes('.wh.a'))).toBe(true);
    expect(isReservedLayerName(bytes('a.wh.'))).toBe(false);
  });
});
