import { TsbuildError } from '../core/index.ts';
import { parseDuration } from '../dockerfile/index.ts';

/**
 * A time on the command line, as milliseconds since 1970: `2024-03-01T10:00:00Z` or a part of it (without a zone: of this
 * machine's), seconds since 1970, or how long ago (`10m`, `1h30m`). Throws USAGE.
 */
export function parseMoment(flag: string, text: string, now: number): number {
  if (/^\d{1,12}(\.\d{1,9})?$/.test(text)) return Number(text) * 1000;
  const moment = /^\d{4}-\d\d(-\d\d)?([T ].*)?$/.test(text) ? Date.parse(localDate(text)) : ago(text, now);
  if (moment !== undefined && !Number.isNaN(moment)) return moment;
  throw new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected a date such as 2024-03-01T10:00:00Z, or how long ago, such as 10m',
  });
}

/** A date alone would be taken for one of UTC. */
function localDate(text: string): string {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00` : text;
}

function ago(text: string, now: number): number | undefined {
  try {
    const nanoseconds = parseDuration(text);
    return nanoseconds === undefined ? undefined : now - nanoseconds / 1e6;
  } catch {
    return undefined;
  }
}

/** How long, as milliseconds. Throws USAGE. */
export function parseAge(flag: string, text: string): number {
  const nanoseconds = parseDuration(text);
  if (nanoseconds !== undefined && nanoseconds >= 0) return nanoseconds / 1e6;
  throw new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected a duration such as 24h or 30m',
  });
}
