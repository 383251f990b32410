import { TsbuildError } from '../core/index.ts';
import type { ProcessConfig, ResourceConfig } from '../oci/runtime-spec.ts';

/** The values of the docker-style limit options, as the user wrote them. */
export interface LimitOptions {
  readonly memory?: string | undefined;
  readonly memorySwap?: string | undefined;
  readonly memoryReservation?: string | undefined;
  readonly memorySwappiness?: string | undefined;
  readonly oomKillDisable?: boolean | undefined;
  readonly cpus?: string | undefined;
  readonly cpuShares?: string | undefined;
  readonly cpuPeriod?: string | undefined;
  readonly cpuQuota?: string | undefined;
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  readonly pidsLimit?: string | undefined;
  readonly blkioWeight?: string | undefined;
}

type Memory = NonNullable<ResourceConfig['memory']>;
type Cpu = NonNullable<ResourceConfig['cpu']>;
export type Rlimit = NonNullable<ProcessConfig['rlimits']>[number];

/** Below this no program can even be started; Docker draws the line at the same place. */
const minMemory = 6 * 1024 * 1024;

/** The kernel's own default for `--cpus`, microseconds. */
const defaultPeriod = 100_000;

/** Option values to the resources of the runtime spec; without any option the result is empty. Throws USAGE. */
export function parseLimits(options: LimitOptions): ResourceConfig {
  const memory = parseMemory(options);
  const cpu = parseCpu(options);
  const pids = option(options.pidsLimit, (text) => parseInteger('--pids-limit', text, [-1, 4_194_304]));
  const weight = option(options.blkioWeight, (text) => parseInteger('--blkio-weight', text, [0, 1000]));
  if (weight !== undefined && weight !== 0 && weight < 10) {
    throw usage('--blkio-weight', String(weight), 'a number from 10 to 1000, or 0 for none');
  }
  return {
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    // Docker reads both -1 and 0 as "no limit".
    ...(pids !== undefined && pids > 0 && { pids: { limit: pids } }),
    ...(weight !== undefined && weight > 0 && { blockIO: { weight } }),
  };
}

function parseMemory(options: LimitOptions): Memory {
  const limit = option(options.memory, (text) => parseBytes('--memory', text));
  const reservation = option(options.memoryReservation, (text) => parseBytes('--memory-reservation', text));
  const swappiness = option(options.memorySwappiness, (text) =>
    parseInteger('--memory-swappiness', text, [-1, 100]),
  );
  const swap = option(options.memorySwap, (text) => (text === '-1' ? -1 : parseBytes('--memory-swap', text)));
  if (limit !== undefined && limit < minMemory) {
    throw usage('--memory', options.memory, 'at least 6m (a number without a unit means bytes)');
  }
  if (swap !== undefined && limit === undefined) {
    throw new TsbuildError('USAGE', '--memory-swap needs --memory', {
      hint: '--memory-swap is the sum of memory and swap',
    });
  }
  if (swap !== undefined && limit !== undefined && swap >= 0 && swap < limit) {
    throw usage(
      '--memory-swap',
      options.memorySwap,
      'at least --memory (it is memory and swap together), or -1',
    );
  }
  if (reservation !== undefined && limit !== undefined && reservation > limit) {
    throw usage('--memory-reservation', options.memoryReservation, 'at most --memory');
  }
  return {
    ...(limit !== undefined && { limit, swap: swap ?? limit * 2 }),
    ...(reservation !== undefined && { reservation }),
    // -1 is Docker's word for the host's own value.
    ...(swappiness !== undefined && swappiness >= 0 && { swappiness }),
    ...(options.oomKillDisable === true && { disableOOMKiller: true }),
  };
}

function parseCpu(options: LimitOptions): Cpu {
  const shares = option(options.cpuShares, (text) => parseInteger('--cpu-shares', text, [0, 262_144]));
  if (shares === 1) throw usage('--cpu-shares', '1', 'a number from 2 to 262144, or 0 for the default');
  const period = option(options.cpuPeriod, (text) => parseInteger('--cpu-period', text, [1000, 1_000_000]));
  const quota = option(options.cpuQuota, (text) => parseInteger('--cpu-quota', text, [-1, 2 ** 44]));
  if (quota !== undefined && quota >= 0 && quota < 1000) {
    throw usage('--cpu-quota', options.cpuQuota, 'at least 1000 microseconds, or -1 for no limit');
  }
  const cpus = option(options.cpus, parseCpus);
  if (cpus !== undefined && (period !== undefined || quota !== undefined)) {
    throw new TsbuildError('USAGE', '--cpus cannot be combined with --cpu-period or --cpu-quota', {
      hint: '--cpus 1.5 means --cpu-period 100000 --cpu-quota 150000',
    });
  }
  const cpuList = option(options.cpusetCpus, (text) => parseCpuset('--cpuset-cpus', text));
  const memList = option(options.cpusetMems, (text) => parseCpuset('--cpuset-mems', text));
  return {
    ...(shares !== undefined && shares > 0 && { shares }),
    ...(cpus !== undefined && { period: defaultPeriod, quota: cpus }),
    ...(period !== undefined && { period }),
    ...(quota !== undefined && { quota }),
    ...(cpuList !== undefined && { cpus: cpuList }),
    ...(memList !== undefined && { mems: memList }),
  };
}

/** `1.5` to the quota of the default period, without a detour over binary fractions. */
function parseCpus(text: string): number {
  const expected = 'a number of processors such as 1.5, at least 0.01';
  const match = /^([0-9]{1,5})(?:\.([0-9]{1,9}))?$/.exec(text);
  if (match?.[1] === undefined) throw usage('--cpus', text, expected);
  const quota = Number(match[1]) * defaultPeriod + Number((match[2] ?? '').padEnd(9, '0').slice(0, 5));
  if (quota < 1000) throw usage('--cpus', text, expected);
  return quota;
}

/** `0-3,5`: what the kernel's cpuset files take, checked here because their EINVAL explains nothing. */
function parseCpuset(name: string, text: string): string {
  const valid = text.split(',').every((part) => {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(part);
    return match !== null && (match[2] === undefined || Number(match[1]) <= Number(match[2]));
  });
  if (!valid) throw usage(name, text, 'a list such as 0-3,5');
  return text;
}

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** `512m`, `1.5g`, `64KiB`, `1048576`: a positive number of bytes; units are powers of 1024. Throws USAGE. */
export function parseBytes(name: string, text: string): number {
  const match = /^([0-9]{1,16})(?:\.([0-9]{1,9}))? ?(?:([kmgt])(?:i?b)?|b)?$/i.exec(text);
  const unit = byteUnits[(match?.[3] ?? '').toLowerCase()];
  const bytes =
    match === null || unit === undefined ? NaN : Math.floor(Number(`${match[1]}.${match[2] ?? '0'}`) * unit);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw usage(name, text, 'a size such as 512m (units: b, k, m, g, t)');
}

/** `--shm-size`, in bytes. Throws USAGE. */
export function parseShmSize(text: string): number {
  return parseBytes('--shm-size', text);
}

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
  if (match?.[1] === undefined) throw usage('--ulimit', text, 'name=soft[:hard] such as nofile=1024:2048');
  if (!rlimitNames.includes(match[1])) {
    throw usage('--ulimit', text, `one of the names ${rlimitNames.join(', ')}`);
  }
  const soft = Number(match[2]);
  const hard = Number(match[3] ?? match[2]);
  if (hard !== -1 && (soft === -1 || soft > hard)) {
    throw usage('--ulimit', text, 'a soft limit that is not above the hard one');
  }
  return { type: `RLIMIT_${match[1].toUpperCase()}`, soft, hard };
}

function parseInteger(name: string, text: string, [min, max]: readonly [number, number]): number {
  const value = /^-?[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw usage(name, text, `a whole number from ${min} to ${max}`);
}

function option<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text);
}

function usage(name: string, text: string | undefined, expected: string): TsbuildError {
  return new TsbuildError('USAGE', `${name}: invalid value ${JSON.stringify(text ?? '')}`, {
    hint: `expected ${expected}`,
  });
}
