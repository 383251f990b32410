import type { ProcessConfig } from '../oci/runtime-spec.ts';
import { invalidLimit } from './sizes.ts';

export type Rlimit = NonNullable<ProcessConfig['rlimits']>[number];

const rlimitNames: readonly string[] = [
  ...['as', 'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc'],
  ...['rss', 'rtprio', 'rttime', 'sigpending', 'stack'],
];

/**
 * `--ulimit name=soft[:hard]` values; hard is soft when left out, -1 is unlimited; the last value of a name counts, for
 * the runtime spec forbids two. Throws USAGE.
 */
export function parseUlimits(values: readonly string[]): Rlimit[] {
  const limits = new Map<string, Rlimit>();
  for (const value of values) {
    const limit = parseUlimit(value);
    limits.set(limit.type, limit);
  }
  return [...limits.values()];
}

function parseUlimit(text: string): Rlimit {
  const match = /^([a-z]+)=(-1|[0-9]{1,15})(?::(-1|[0-9]{1,15}))?$/.exec(text);
  if (match?.[1] === undefined)
    throw invalidLimit('--ulimit', text, 'name=soft[:hard] such as nofile=1024:2048');
  if (!rlimitNames.includes(match[1])) {
    throw invalidLimit('--ulimit', text, `one of the names ${rlimitNames.join(', ')}`);
  }
  const soft = Number(match[2]);
  const hard = Number(match[3] ?? match[2]);
  if (hard !== -1 && (soft === -1 || soft > hard)) {
    throw invalidLimit('--ulimit', text, 'a soft limit that is not above the hard one');
  }
  return { type: `RLIMIT_${match[1].toUpperCase()}`, soft, hard };
}
