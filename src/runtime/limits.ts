import { TsbuildError } from '../core/index.ts';
import type { ResourceConfig } from '../oci/runtime-spec.ts';
import { parseDeviceRates, parseDeviceWeights } from './block-devices.ts';
import { invalidLimit, parseBytes } from './sizes.ts';

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
  /** `DEVICE:WEIGHT`, and below `DEVICE:RATE`. */
  readonly blkioWeightDevice?: readonly string[] | undefined;
  readonly deviceReadBps?: readonly string[] | undefined;
  readonly deviceWriteBps?: readonly string[] | undefined;
  readonly deviceReadIops?: readonly string[] | undefined;
  readonly deviceWriteIops?: readonly string[] | undefined;
}

type Memory = NonNullable<ResourceConfig['memory']>;
type Cpu = NonNullable<ResourceConfig['cpu']>;
type BlockIo = NonNullable<ResourceConfig['blockIO']>;

/** Below this no program can even be started; Docker draws the line at the same place. */
const minMemory = 6 * 1024 * 1024;

/** The kernel's own default for `--cpus`, microseconds. */
const defaultPeriod = 100_000;

/**
 * Option values to the resources of the runtime spec; without any option the result is empty. Devices are looked up on
 * this machine. Throws USAGE.
 */
export function parseLimits(options: LimitOptions): ResourceConfig {
  const memory = parseMemory(options);
  const cpu = parseCpu(options);
  const pids = option(options.pidsLimit, (text) => parseInteger('--pids-limit', text, [-1, 4_194_304]));
  const blockIO = parseBlockIo(options);
  return {
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    // Docker reads both -1 and 0 as "no limit".
    ...(pids !== undefined && pids > 0 && { pids: { limit: pids } }),
    ...(Object.keys(blockIO).length > 0 && { blockIO }),
  };
}

function parseBlockIo(options: LimitOptions): BlockIo {
  const weight = option(options.blkioWeight, (text) => parseInteger('--blkio-weight', text, [0, 1000]));
  if (weight !== undefined && weight !== 0 && weight < 10) {
    throw invalidLimit('--blkio-weight', String(weight), 'a number from 10 to 1000, or 0 for none');
  }
  const lists = {
    weightDevice: parseDeviceWeights(options.blkioWeightDevice ?? []),
    throttleReadBpsDevice: parseDeviceRates('--device-read-bps', options.deviceReadBps ?? [], 'bytes'),
    throttleWriteBpsDevice: parseDeviceRates('--device-write-bps', options.deviceWriteBps ?? [], 'bytes'),
    throttleReadIOPSDevice: parseDeviceRates(
      '--device-read-iops',
      options.deviceReadIops ?? [],
      'operations',
    ),
    throttleWriteIOPSDevice: parseDeviceRates(
      '--device-write-iops',
      options.deviceWriteIops ?? [],
      'operations',
    ),
  };
  return {
    ...(weight !== undefined && weight > 0 && { weight }),
    ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
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
    throw invalidLimit('--memory', options.memory, 'at least 6m (a number without a unit means bytes)');
  }
  if (swap !== undefined && limit === undefined) {
    throw new TsbuildError('USAGE', '--memory-swap needs --memory', {
      hint: '--memory-swap is the sum of memory and swap',
    });
  }
  if (swap !== undefined && limit !== undefined && swap >= 0 && swap < limit) {
    throw invalidLimit(
      '--memory-swap',
      options.memorySwap,
      'at least --memory (it is memory and swap together), or -1',
    );
  }
  if (reservation !== undefined && limit !== undefined && reservation > limit) {
    throw invalidLimit('--memory-reservation', options.memoryReservation, 'at most --memory');
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
  if (shares === 1)
    throw invalidLimit('--cpu-shares', '1', 'a number from 2 to 262144, or 0 for the default');
  const period = option(options.cpuPeriod, (text) => parseInteger('--cpu-period', text, [1000, 1_000_000]));
  const quota = option(options.cpuQuota, (text) => parseInteger('--cpu-quota', text, [-1, 2 ** 44]));
  if (quota !== undefined && quota >= 0 && quota < 1000) {
    throw invalidLimit('--cpu-quota', options.cpuQuota, 'at least 1000 microseconds, or -1 for no limit');
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
  if (match?.[1] === undefined) throw invalidLimit('--cpus', text, expected);
  const quota = Number(match[1]) * defaultPeriod + Number((match[2] ?? '').padEnd(9, '0').slice(0, 5));
  if (quota < 1000) throw invalidLimit('--cpus', text, expected);
  return quota;
}

/** `0-3,5`: what the kernel's cpuset files take, checked here because their EINVAL explains nothing. */
function parseCpuset(name: string, text: string): string {
  const valid = text.split(',').every((part) => {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(part);
    return match !== null && (match[2] === undefined || Number(match[1]) <= Number(match[2]));
  });
  if (!valid) throw invalidLimit(name, text, 'a list such as 0-3,5');
  return text;
}

function parseInteger(name: string, text: string, [min, max]: readonly [number, number]): number {
  const value = /^-?[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw invalidLimit(name, text, `a whole number from ${min} to ${max}`);
}

function option<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text);
}
