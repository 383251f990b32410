import { compareBytes, TsbuildError, type ByteString } from '../core/index.ts';

/** Key and value of a record of a PAX extended header; the value may hold any byte, NUL and newline included. */
export type PaxRecord = readonly [key: string, value: ByteString];

export const xattrPrefix = 'SCHILY.xattr.';

/** Records sorted by key as `length key=value\n`, where the length counts its own digits (POSIX pax, "Extended Header"). */
export function encodePaxRecords(records: readonly PaxRecord[]): Buffer {
  const sorted = records.toSorted((a, b) => compareBytes(a[0], b[0]));
  return Buffer.from(sorted.map(encodeRecord).join(''), 'latin1');
}

function encodeRecord([key, value]: PaxRecord): string {
  if (key === '' || key.includes('=')) throw new Error(`not a PAX key: ${JSON.stringify(key)}`);
  // Blank, equals sign and newline are the three.
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  // Its own digits may carry the length over a power of ten.
  length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

/** Parses by the stated lengths alone, since values hold newlines. A key given twice keeps its last value. Throws ARCHIVE_INVALID. */
export function parsePaxRecords(body: Uint8Array): ReadonlyMap<string, ByteString> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const records = new Map<string, ByteString>();
  let at = 0;
  while (at < bytes.length) {
    const blank = bytes.indexOf(0x20, at);
    const digits = blank === -1 ? '' : bytes.toString('latin1', at, Math.min(blank, at + 20));
    const end = /^[0-9]{1,15}$/.test(digits) ? at + Number(digits) : 0;
    const equals = bytes.indexOf(0x3d, blank);
    // The order of the marks proves that the record lies inside the header and is not empty.
    if (end > bytes.length || equals <= blank + 1 || equals >= end - 1 || bytes[end - 1] !== 0x0a) {
      throw new TsbuildError('ARCHIVE_INVALID', 'a PAX extended header has a malformed record');
    }
    records.set(
      bytes.toString('latin1', blank + 1, equals),
      bytes.toString('latin1', equals + 1, end - 1) as ByteString,
    );
    at = end;
  }
  return records;
}

/** An xattr's name as a PAX key. `=` ends a key, so GNU tar writes it as `%3D`, and `%` as `%25`. */
export function xattrKey(name: ByteString): string {
  return xattrPrefix + (/[%=]/.test(name) ? name.replaceAll('%', '%25').replaceAll('=', '%3D') : name);
}

/** The reverse of `xattrKey`; undefined when the key names no xattr. */
export function xattrName(key: string): ByteString | undefined {
  if (!key.startsWith(xattrPrefix)) return undefined;
  const name = key.slice(xattrPrefix.length);
  return (name.includes('%') ? name.replaceAll('%3D', '=').replaceAll('%25', '%') : name) as ByteString;
}

/** Seconds with the nanoseconds above them as a PAX time: `-0.5` is half a second before the epoch. */
export function encodePaxTime(seconds: number, nanos: number): ByteString {
  if (nanos === 0) return String(seconds) as ByteString;
  const negative = seconds < 0;
  const whole = negative ? -seconds - 1 : seconds;
  const fraction = String(negative ? 1_000_000_000 - nanos : nanos)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${negative ? '-' : ''}${whole}.${fraction}` as ByteString;
}

/** Digits past the nanosecond are cut. Throws ARCHIVE_INVALID. */
export function parsePaxTime(text: ByteString): { readonly seconds: number; readonly nanos: number } {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text);
  if (match === null) {
    throw new TsbuildError(
      'ARCHIVE_INVALID',
      `a PAX extended header has ${quote(text)} where a time belongs`,
    );
  }
  const whole = Number(match[2]);
  const nanos = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return { seconds: whole, nanos };
  return nanos === 0
    ? { seconds: whole === 0 ? 0 : -whole, nanos }
    : { seconds: -whole - 1, nanos: 1_000_000_000 - nanos };
}

/** A size or an id: digits only, exact in a double. Throws ARCHIVE_INVALID. */
export function parsePaxNumber(text: ByteString): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new TsbuildError(
      'ARCHIVE_INVALID',
      `a PAX extended header has ${quote(text)} where a number belongs`,
    );
  }
  return value;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}
