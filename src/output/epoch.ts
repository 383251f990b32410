import { TsbuildError } from '../core/index.ts';

/** 9999-12-31T23:59:59Z: RFC 3339 has four digits for the year. */
const latest = 253402300799;

/** Whole seconds since 1970; empty is as good as unset (O-51). Throws USAGE, naming `what` said it. */
export function parseEpoch(text: string, what: string): number | undefined {
  if (text === '') return undefined;
  const seconds = Number(text);
  if (/^\d{1,12}$/.test(text) && seconds <= latest) return seconds;
  throw new TsbuildError('USAGE', `${what}: invalid time ${JSON.stringify(text)}`, {
    hint: 'it is a number of seconds since 1970, as `git log -1 --format=%ct` prints',
  });
}
