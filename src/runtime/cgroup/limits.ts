import { readFileSync } from 'node:fs';

import { TsbuildError } from '../../core/index.ts';
import type { ResourceConfig } from '../../oci/runtime-spec.ts';

/** One value for one control file. Of several files the first that exists is used. */
export interface ControlWrite {
  readonly controller: string;
  readonly files: readonly string[];
  readonly value: string;
  /** In the runtime spec's words. */
  readonly what: string;
  /** May be left out where the machine cannot: it holds anyway. */
  readonly optional?: boolean | undefined;
}

type Memory = NonNullable<ResourceConfig['memory']>;
type Cpu = NonNullable<ResourceConfig['cpu']>;

function write(
  controller: string,
  what: string,
  value: number | string | undefined,
  ...files: string[]
): ControlWrite[] {
  return value === undefined ? [] : [{ controller, files, value: String(value), what }];
}

/** The limits as files of cgroup v1 (runtime-spec config-linux.md, "Control groups"). */
export function v1Writes(limits: ResourceConfig): ControlWrite[] {
  const { memory = {}, cpu = {}, pids, blockIO } = limits;
  return [
    ...write('memory', 'memory.limit', memory.limit, 'memory.limit_in_bytes'),
    ...v1Swap(memory),
    ...write('memory', 'memory.reservation', memory.reservation, 'memory.soft_limit_in_bytes'),
    ...write('memory', 'memory.swappiness', memory.swappiness, 'memory.swappiness'),
    ...write(
      'memory',
      'memory.disableOOMKiller',
      memory.disableOOMKiller === true ? 1 : undefined,
      'memory.oom_control',
    ),
    ...write('cpu', 'cpu.shares', cpu.shares, 'cpu.shares'),
    ...write('cpu', 'cpu.period', cpu.period, 'cpu.cfs_period_us'),
    ...write('cpu', 'cpu.quota', cpu.quota, 'cpu.cfs_quota_us'),
    ...write('cpuset', 'cpu.cpus', cpu.cpus, 'cpuset.cpus'),
    ...write('cpuset', 'cpu.mems', cpu.mems, 'cpuset.mems'),
    ...write('pids', 'pids.limit', unlimited(pids?.limit), 'pids.max'),
    ...write('blkio', 'blockIO.weight', blockIO?.weight, 'blkio.bfq.weight', 'blkio.weight'),
  ];
}

function v1Swap(memory: Memory): ControlWrite[] {
  const writes = write('memory', 'memory.swap', memory.swap, 'memory.memsw.limit_in_bytes');
  return writes.map((entry) => ({ ...entry, optional: !hostHasSwap() }));
}

/** The limits as files of cgroup v2. Throws LIMIT_UNAVAILABLE for what v2 does not know. */
export function v2Writes(limits: ResourceConfig): ControlWrite[] {
  const { memory = {}, cpu = {}, pids, blockIO } = limits;
  if (memory.swappiness !== undefined) throw onlyV1('memory.swappiness');
  if (memory.disableOOMKiller === true) throw onlyV1('memory.disableOOMKiller');
  return [
    ...write('memory', 'memory.limit', unlimited(memory.limit), 'memory.max'),
    ...v2Swap(memory),
    ...write('memory', 'memory.reservation', unlimited(memory.reservation), 'memory.low'),
    ...write('cpu', 'cpu.shares', cpu.shares === undefined ? undefined : cpuWeight(cpu.shares), 'cpu.weight'),
    ...write('cpu', 'cpu.quota', v2CpuMax(cpu), 'cpu.max'),
    ...write('cpuset', 'cpu.cpus', cpu.cpus, 'cpuset.cpus'),
    ...write('cpuset', 'cpu.mems', cpu.mems, 'cpuset.mems'),
    ...write('pids', 'pids.limit', unlimited(pids?.limit), 'pids.max'),
    ...v2IoWeight(blockIO?.weight),
  ];
}

/** v1 and the spec count memory and swap together, v2 the swap alone. */
function v2Swap({ limit, swap }: Memory): ControlWrite[] {
  if (swap === undefined) return [];
  if (swap >= 0 && limit === undefined) {
    throw new TsbuildError('LIMIT_UNAVAILABLE', 'a limit of memory and swap needs one of memory, too');
  }
  const value = swap < 0 ? 'max' : String(Math.max(0, swap - (limit ?? 0)));
  return write('memory', 'memory.swap', value, 'memory.swap.max').map((entry) => ({
    ...entry,
    optional: !hostHasSwap(),
  }));
}

function v2CpuMax({ quota, period }: Cpu): string | undefined {
  if (quota === undefined && period === undefined) return undefined;
  const limit = quota === undefined || quota < 0 ? 'max' : String(quota);
  return period === undefined ? limit : `${limit} ${period}`;
}

function v2IoWeight(weight: number | undefined): ControlWrite[] {
  if (weight === undefined) return [];
  // BFQ takes the OCI range as it is (1 to 1000), io.weight has one of 1 to 10000.
  return [
    {
      controller: 'io',
      files: ['io.bfq.weight'],
      value: String(weight),
      what: 'blockIO.weight',
      optional: true,
    },
    { controller: 'io', files: ['io.weight'], value: String(ioWeight(weight)), what: 'blockIO.weight' },
  ];
}

/**
 * cpu.shares (2 to 262144) as cpu.weight (1 to 10000), so that both ends meet and the default 1024 becomes the default
 * 100, which the straight line used before does not do.
 */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const exponent = Math.log2(shares);
  return Math.ceil(10 ** ((exponent * exponent + 125 * exponent) / 612 - 7 / 34));
}

/** blockIO.weight (10 to 1000) as io.weight (1 to 10000). */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

function unlimited(limit: number | undefined): string | undefined {
  if (limit === undefined) return undefined;
  return limit < 0 ? 'max' : String(limit);
}

function onlyV1(what: string): TsbuildError {
  return new TsbuildError('LIMIT_UNAVAILABLE', `the limit ${what} does not exist in cgroup v2`, {
    hint: 'leave it out: this machine uses cgroup v2',
  });
}

/** Without any swap a limit of it is held already, and kernels without swap accounting lack the file. */
function hostHasSwap(): boolean {
  try {
    return readFileSync('/proc/swaps', 'latin1').trim().split('\n').length > 1;
  } catch {
    return true;
  }
}
