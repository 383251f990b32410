import { describe, expect, it } from 'vitest';

import type { ByteString } from '../../src/core/index.ts';
import { decodeHeader, decodeNumber, encodeHeader, hasValidChecksum } from '../../src/tar/header.ts';
import { makeTar, type TarSpec } from '../support/make-tar.ts';

describe('S-76 numbers of a header', () => {
  // field (\ is NUL) | value or error
  const table = `
    0000644\\        | 420
    000644 \\        | 420
    644\\            | 420
      644\\          | 420
    \\\\\\\\\\\\\\\\ | 0
                     | 0
    77777777         | 16777215
    77777777777      | 8589934591
    0000648\\        | error
    -000001\\        | error
    0x00644\\        | error
    12 34\\          | error
    \\12             | 10
  `;
  it.each(rows(table))('%s is %s', (field, expected) => {
    const bytes = Buffer.from(field.replaceAll('\\', '\0'), 'latin1');
    if (expected === 'error') expect(() => decodeNumber(bytes)).toThrow(/where a number belongs/);
    else expect(decodeNumber(bytes)).toBe(Number(expected));
  });

  // bytes in hexadecimal | value or error
  const base256 = `
    8000000000000001         | 1
    80000000ffffffff         | 4294967295
    800000000000000200000000 | 8589934592
    800000010000000000000000 | error
    ffffffffffffffff         | -1
    fffffffffffffffffffffffe | -2
    8fffffffffffffffffffffff | error
    bfffffffffffffffffffffff | error
    c00000000000000000000000 | error
    001fffffffffffff         | error
    801fffffffffffff         | 9007199254740991
    8020000000000000         | error
  `;
  it.each(rows(base256))('base-256 %s is %s', (hex, expected) => {
    const bytes = Buffer.from(hex, 'hex');
    if (expected === 'error') expect(() => decodeNumber(bytes)).toThrow(/number/);
    else expect(decodeNumber(bytes)).toBe(Number(expected));
  });
});

describe('headers', () => {
  const block = (spec: TarSpec): Buffer => makeTar([spec], { open: true }).subarray(0, 512);

  it('are read as they were written', () => {
    const header = {
      flag: '3',
      name: 'n'.repeat(100) as ByteString,
      prefix: 'p'.repeat(155) as ByteString,
      mode: 0o7777,
      uid: 0o7777777,
      gid: 1,
      size: 0o77777777777,
      mtime: 0o77777777777,
      link: 'l'.repeat(100) as ByteString,
      major: 8,
      minor: 1048575,
    };
    expect(decodeHeader(encodeHeader(header))).toEqual(header);
  });

  it('refuse numbers that do not fit', () => {
    const header = { ...decodeHeader(block({ path: 'x' })), uid: 0o10000000 };
    expect(() => encodeHeader(header)).toThrow(/does not fit/);
    expect(() => encodeHeader({ ...header, uid: -1 })).toThrow(/does not fit/);
  });

  it('read ustar prefixes, but not where GNU keeps times', () => {
    const prefix = 'a'.repeat(20);
    expect(decodeHeader(block({ path: 'x', fields: { prefix } })).prefix).toBe(prefix);
    expect(decodeHeader(block({ path: 'x', fields: { prefix }, flavour: 'gnu' })).prefix).toBe('');
    expect(decodeHeader(block({ path: 'x', fields: { prefix }, flavour: 'v7' })).prefix).toBe('');
  });

  it('accept the checksum of signed characters', () => {
    const bytes = block({ path: '\xff\xfe' });
    const unsigned = Number.parseInt(bytes.toString('latin1', 148, 154), 8);
    bytes.write(`${(unsigned - 512).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect(hasValidChecksum(bytes)).toBe(true);
    expect(decodeHeader(bytes).name).toBe('\xff\xfe');
  });

  it('refuse a wrong checksum', () => {
    const bytes = block({ path: 'x' });
    bytes[0] = 0x79;
    expect(() => decodeHeader(bytes)).toThrow(/checksum/);
    expect(() => decodeHeader(block({ path: 'x', fields: { checksum: 'garbage!' } }))).toThrow(/checksum/);
  });
});

function rows(table: string): [string, string][] {
  return table
    .split('\n')
    .filter((line) => line.includes('|'))
    .map((line) => {
      const [left = '', right = ''] = line.split('|');
      return [left.trim(), right.trim()];
    });
}
