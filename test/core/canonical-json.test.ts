import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json } from '../../src/core/index.ts';

describe('canonical JSON', () => {
  it.each<[value: Json, text: string]>([
    [{ b: 1, a: [true, null, {}], '10': '', '9': [] }, '{"10":"","9":[],"a":[true,null,{}],"b":1}'],
    [{ a: undefined, b: { c: undefined } }, '{"b":{}}'],
    [['', ''], '["",""]'],
    ['"\\/\u0007\u007f\u2028é😀', '"\\"\\\\/\\u0007\u007f\u2028é😀"'],
    ['\ud800', '"\\ud800"'],
    [JSON.parse('{"__proto__":{"b":1,"a":2}}') as Json, '{"__proto__":{"a":2,"b":1}}'],
  ])('of %j', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it('says what JSON.stringify says of strings, and is read as what was written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.jsonValue(), (text, value) => {
        expect(canonicalJson(text)).toBe(JSON.stringify(text));
        expect(JSON.parse(canonicalJson(value as Json))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
