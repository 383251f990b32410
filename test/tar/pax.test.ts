import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromBuffer, type ByteString } from '../../src/core/index.ts';
import {
  encodePaxRecords,
  encodePaxTime,
  parsePaxNumber,
  parsePaxRecords,
  parsePaxTime,
  xattrKey,
  xattrName,
} from '../../src/tar/pax.ts';
import { paxBody } from '../support/make-tar.ts';

const bytes = (text: string): ByteString => text as ByteString;
const body = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('PAX records', () => {
  it('count their own digits in the length', () => {
    // 8 bytes of record and the digits: lengths around each power of ten.
    for (const length of [1, 2, 3, 4, 90, 91, 92, 93, 94, 988, 989, 990, 991, 9_985, 9_986, 9_987]) {
      const value = 'v'.repeat(length);
      expect(encodePaxRecords([['path', bytes(value)]]).toString('latin1')).toBe(paxBody({ path: value }));
    }
  });

  it('are sorted by key', () => {
    const text = encodePaxRecords([
      ['uid', bytes('1')],
      ['SCHILY.xattr.user.b', bytes('2')],
      ['path', bytes('3')],
    ]).toString('latin1');
    expect(text).toBe('25 SCHILY.xattr.user.b=2\n9 path=3\n8 uid=1\n');
  });

  it('S-76 hold any bytes in a value: NUL, newline and what looks like a record', () => {
    const value = bytes('a\n\0\xff30 path=smuggled\n');
    const records = parsePaxRecords(encodePaxRecords([['SCHILY.xattr.user.x', value]]));
    expect([...records]).toEqual([['SCHILY.xattr.user.x', value]]);
  });

  it('are read as they were written', () => {
    const key = fc.string({ minLength: 1, unit: 'grapheme-ascii' }).filter((k) => !k.includes('='));
    const value = fc.uint8Array({ maxLength: 2000 }).map(fromBuffer);
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([k]) => k }), (records) => {
        expect(parsePaxRecords(encodePaxRecords(records))).toEqual(new Map(records));
      }),
    );
  });

  it('keep the last of two values', () => {
    expect(parsePaxRecords(body('10 path=a\n10 path=b\n')).get('path')).toBe('b');
  });

  it.each([
    ['no length', 'path=a\n'],
    ['a length that is no number', 'x path=a\n'],
    ['a negative length', '-10 path=a\n'],
    ['a length of zero', '0 path=a\n'],
    ['a length beyond the end', '99 path=a\n'],
    ['a length that ends before the newline', '8 path=a\n'],
    ['a length that ends in the key', '5 path=a\n'],
    ['a huge length', '99999999999999999999 path=a\n'],
    ['no equals sign', '9 pathab\n'],
    ['an empty key', '6 =ab\n'],
    ['no newline', '10 path=ab'],
    ['only blanks', '          '],
    ['only NULs', '\0\0\0\0'],
    ['a newline within the length', '1\n0 path=a\n'],
  ])('refuse %s', (_, text) => {
    expect(() => parsePaxRecords(body(text))).toThrow(/malformed record/);
  });

  it('never read past the given bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        try {
          for (const [key, value] of parsePaxRecords(garbage)) {
            expect(key.length + value.length).toBeLessThan(garbage.length);
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'ARCHIVE_INVALID' });
        }
      }),
    );
  });
});

describe('PAX times', () => {
  it.each([
    ['0', 0, 0],
    ['1700000000', 1_700_000_000, 0],
    ['1.5', 1, 500_000_000],
    ['1.000000001', 1, 1],
    ['-1', -1, 0],
    ['-0.5', -1, 500_000_000],
    ['-1.25', -2, 750_000_000],
    ['-1.000000001', -2, 999_999_999],
  ])('S-76 %s', (text, seconds, nanos) => {
    expect(parsePaxTime(bytes(text))).toEqual({ seconds, nanos });
    expect(encodePaxTime(seconds, nanos)).toBe(text);
  });

  it('cut what is finer than a nanosecond', () => {
    expect(parsePaxTime(bytes('1.1234567899'))).toEqual({ seconds: 1, nanos: 123_456_789 });
    expect(parsePaxTime(bytes('1.'))).toEqual({ seconds: 1, nanos: 0 });
    expect(parsePaxTime(bytes('-0'))).toEqual({ seconds: 0, nanos: 0 });
  });

  it.each(['', '.', '.5', '1e9', '+1', '1,5', 'now', '99999999999999999999', '--1', ' 1'])(
    'refuse %j',
    (text) => {
      expect(() => parsePaxTime(bytes(text))).toThrow(/where a time belongs/);
    },
  );
});

describe('PAX numbers', () => {
  it('are exact', () => {
    expect(parsePaxNumber(bytes('9007199254740991'))).toBe(Number.MAX_SAFE_INTEGER);
  });
  it.each(['', '-1', '1.5', '0x10', '9007199254740992', '99999999999999999999', ' 1'])(
    'refuse %j',
    (text) => {
      expect(() => parsePaxNumber(bytes(text))).toThrow(/where a number belongs/);
    },
  );
});

describe('xattr keys', () => {
  it.each([
    ['user.a', 'SCHILY.xattr.user.a'],
    ['user.a=b', 'SCHILY.xattr.user.a%3Db'],
    ['user.100%', 'SCHILY.xattr.user.100%25'],
    ['user.%3D', 'SCHILY.xattr.user.%253D'],
  ])('%s', (name, key) => {
    expect(xattrKey(bytes(name))).toBe(key);
    expect(xattrName(key)).toBe(name);
  });
  it('are told from other keys', () => {
    expect(xattrName('path')).toBeUndefined();
  });
});
