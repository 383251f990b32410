import { TsbuildError } from '../../core/index.ts';
import type { ResourceConfig } from '../../oci/runtime-spec.ts';
import { hostHasSwap } from './swap.ts';
import { controllerOf, rdmaWrites, throttleWrites, write, type ControlWrite } from './writes.ts';

type Memory = NonNullable<ResourceConfig['memory']>;
type Cpu = NonNullable<ResourceConfig['cpu']>;
type BlockIo = NonNullable<ResourceConfig['blockIO']>;

/** The limits as files of cgroup v2. Throws LIMIT_UNAVAILABLE for what v2 does not know. */
export function v2Writes(limits: ResourceConfig): ControlWrite[] {
  const { memory = {}, cpu = {}, pids, blockIO = {}, hugepageLimits = [] } = limits;
  refuseV1Only(limits);
  return [
    ...write('memory.limit', unlimited(memory.limit), 'memory.max'),
    ...swapWrites(memory),
    ...write('memory.reservation', unlimited(memory.reservation), 'memory.low'),
    ...write('cpu.shares', cpu.shares === undefined ? undefined : cpuWeight(cpu.shares), 'cpu.weight'),
    ...write(cpu.quota === undefined ? 'cpu.period' : 'cpu.quota', cpuMax(cpu), 'cpu.max'),
    ...write('cpu.burst', cpu.burst, 'cpu.max.burst'),
    ...write('cpu.idle', cpu.idle, 'cpu.idle'),
    ...write('cpu.cpus', cpu.cpus, 'cpuset.cpus'),
    ...write('cpu.mems', cpu.mems, 'cpuset.mems'),
    ...write('pids.limit', unlimited(pids?.limit), 'pids.max'),
    ...weightWrites(blockIO),
    ...throttleWrites(blockIO, 'v2'),
    ...hugepageLimits.flatMap(({ pageSize, limit }) =>
      write('hugepageLimits', limit, `hugetlb.${pageSize}.max`, `hugetlb.${pageSize}.rsvd.max`),
    ),
    ...rdmaWrites(limits),
    ...unifiedWrites(limits.unified ?? {}),
  ];
}

function refuseV1Only({ memory, cpu, network }: ResourceConfig): void {
  const asked = {
    'memory.swappiness': memory?.swappiness,
    'memory.disableOOMKiller': memory?.disableOOMKiller === true ? true : undefined,
    'cpu.realtimeRuntime': cpu?.realtimeRuntime,
    'cpu.realtimePeriod': cpu?.realtimePeriod,
    'network.classID': network?.classID,
    'network.priorities': network?.priorities,
  };
  for (const [what, value] of Object.entries(asked)) {
    if (value === undefined) continue;
    throw new TsbuildError('LIMIT_UNAVAILABLE', `the limit ${what} does not exist in cgroup v2`, {
      hint: 'leave it out: this machine has cgroup v2, and only v1 knows it',
    });
  }
}

/** v1 and the spec count memory and swap together, v2 the swap alone. */
function swapWrites({ limit, swap }: Memory): ControlWrite[] {
  if (swap === undefined) return [];
  if (swap >= 0 && limit === undefined) {
    throw new TsbuildError('LIMIT_UNAVAILABLE', 'a limit of memory and swap needs one of memory, too');
  }
  const value = swap < 0 ? 'max' : String(Math.max(0, swap - (limit ?? 0)));
  return write('memory.swap', value, 'memory.swap.max').map((entry) => ({
    ...entry,
    optional: !hostHasSwap(),
  }));
}

function cpuMax({ quota, period }: Cpu): string | undefined {
  if (quota === undefined && period === undefined) return undefined;
  const limit = quota === undefined || quota < 0 ? 'max' : String(quota);
  return period === undefined ? limit : `${limit} ${period}`;
}

/** BFQ takes the OCI range as it is (1 to 1000), io.weight, the controller's own, has one of 1 to 10000. */
function weightWrites({ weight, weightDevice = [] }: BlockIo): ControlWrite[] {
  const of = (what: string, given: number, device = ''): ControlWrite => ({
    controller: 'io',
    what,
    files: [
      { name: 'io.bfq.weight', value: `${device}${given}` },
      { name: 'io.weight', value: `${device}${ioWeight(given)}` },
    ],
  });
  return [
    ...(weight === undefined ? [] : [of('blockIO.weight', weight)]),
    ...weightDevice.map(({ major, minor, weight: given }) =>
      of('blockIO.weightDevice', given, `${major}:${minor} `),
    ),
  ];
}

/**
 * A name with a slash would lead out of the container's folder; of the cgroup's own files some take process ids, and
 * would draw others' processes in.
 */
function unifiedWrites(unified: Readonly<Record<string, string>>): ControlWrite[] {
  return Object.entries(unified).map(([name, value]) => {
    if (!/^(cgroup\.max|(?!cgroup\.)[a-z][a-z0-9_]*)(\.[A-Za-z0-9_]+)+$/.test(name)) {
      throw new TsbuildError('LIMIT_UNAVAILABLE', `unified: ${JSON.stringify(name)} is no limit`, {
        hint: 'a name such as memory.high is expected',
      });
    }
    return { controller: controllerOf(name), files: [{ name, value }], what: `unified.${name}` };
  });
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
