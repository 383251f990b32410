import { addon } from './addon.ts';
import { checked } from './errno.ts';

/** So many random bytes, at most 64, in hexadecimal: for names that nobody else has chosen. */
export function randomHex(bytes: number): string {
  const hex = addon().randomHex(bytes);
  return typeof hex === 'string' ? hex : String(checked(hex, 'getrandom'));
}

/** Every whole number from 0 up to `limit`, at most 2^32, is as likely. */
export function randomBelow(limit: number): number {
  // Else the smaller ones would be a little more likely.
  const end = 2 ** 32 - (2 ** 32 % limit);
  for (;;) {
    const number = Number.parseInt(randomHex(4), 16);
    if (number < end) return number % limit;
  }
}
