import { constants } from 'node:os';

import { TsbuildError } from '../../core/index.ts';

/** `TERM`, `SIGTERM` or `15`. Throws USAGE. */
export function signalNumber(text: string): number {
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const known: Readonly<Record<string, number | undefined>> = constants.signals;
  const number = /^\d+$/.test(text) ? Number(text) : (known[name] ?? realtimeSignal(name) ?? 0);
  if (number > 0 && number <= 64) return number;
  throw new TsbuildError('USAGE', `invalid signal: ${text}`, {
    hint: 'a name such as SIGTERM, or a number from 1 to 64',
  });
}

/** `SIGRTMIN+3`, which systemd takes for a halt; as the C library numbers them. */
function realtimeSignal(name: string): number | undefined {
  const [, end, sign, digits = '0'] = /^SIG(RTMIN|RTMAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? [];
  if (end === undefined) return undefined;
  const offset = Number(digits) * (sign === '-' ? -1 : 1);
  const number = (end === 'RTMIN' ? 34 : 64) + offset;
  return number >= 34 ? number : undefined;
}

/** `SIGTERM`; the number where it has no name. */
export function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? String(number);
}
