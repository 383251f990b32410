import { describe, expect, it } from 'vitest';

import { goDuration, goQuotedList } from '../../src/graph/go-text.ts';

describe('texts as Go prints them', () => {
  // Made by fmt.Sprintf("%q").
  it.each([
    ['plain', '"plain"'],
    ['', '""'],
    ['a "b" \\ c', '"a \\"b\\" \\\\ c"'],
    ['\0\x07\b\t\n\v\f\r\x1b\x7f', '"\\x00\\a\\b\\t\\n\\v\\f\\r\\x1b\\x7f"'],
    ['über 日本 é 😀', '"über 日本 é 😀"'],
    ['\u00a0\u200b\u2028\ue000\u{e0001}', '"\\u00a0\\u200b\\u2028\\ue000\\U000e0001"'],
    ["it's <&>", '"it\'s <&>"'],
  ])('quotes %j', (word, quoted) => {
    expect(goQuotedList([word])).toBe(`[${quoted}]`);
  });

  // Made by time.Duration.String().
  it.each([
    [0, '0s'],
    [1, '1ns'],
    [1500, '1.5µs'],
    [1_000_000, '1ms'],
    [1_100_000, '1.1ms'],
    [999_999_999, '999.999999ms'],
    [1_000_000_000, '1s'],
    [1_000_000_001, '1.000000001s'],
    [30_000_000_000, '30s'],
    [60_000_000_000, '1m0s'],
    [90_500_000_000, '1m30.5s'],
    [3_600_000_000_000, '1h0m0s'],
    [3_661_000_000_000, '1h1m1s'],
    [360_000_000_000_000, '100h0m0s'],
  ])('%d ns are %s', (nanoseconds, text) => {
    expect(goDuration(nanoseconds)).toBe(text);
  });
});
