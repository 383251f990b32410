import { TsbuildError } from '../../core/index.ts';
import type { ResourceConfig } from '../../oci/runtime-spec.ts';
import { hostHasSwap } from './swap.ts';
import { rdmaWrites, throttleWrites, write, type ControlWrite } from './writes.ts';

type BlockIo = NonNullable<ResourceConfig['blockIO']>;

/**
 * The limits as files of cgroup v1 (runtime-spec config-linux.md, "Control groups"). Throws LIMIT_UNAVAILABLE for what
 * v1 does not know.
 */
export function v1Writes(limits: ResourceConfig): ControlWrite[] {
  const [unified] = Object.keys(limits.unified ?? {});
  if (unified !== undefined) {
    throw new TsbuildError('LIMIT_UNAVAILABLE', `the limit unified.${unified} does not exist in cgroup v1`, {
      hint: 'this machine has cgroup v1; to use v2, boot it with cgroup_no_v1=all',
    });
  }
  const { pids, blockIO = {}, hugepageLimits = [], network = {} } = limits;
  return [
    ...memoryWrites(limits.memory ?? {}),
    ...cpuWrites(limits.cpu ?? {}),
    ...write('pids.limit', pids === undefined ? undefined : pids.limit < 0 ? 'max' : pids.limit, 'pids.max'),
    ...weightWrites(blockIO),
    ...throttleWrites(blockIO, 'v1'),
    ...hugepageLimits.flatMap(({ pageSize, limit }) =>
      // Reservations by mmap(2) are counted apart, since 5.7: without the second a program is killed at its first touch.
      write('hugepageLimits', limit, ...hugetlbFiles(pageSize)),
    ),
    ...write('network.classID', network.classID, 'net_cls.classid'),
    ...(network.priorities ?? []).flatMap(({ name, priority }) =>
      write('network.priorities', `${name} ${priority}`, 'net_prio.ifpriomap'),
    ),
    ...rdmaWrites(limits),
  ];
}

function memoryWrites(memory: NonNullable<ResourceConfig['memory']>): ControlWrite[] {
  const { limit, swap, reservation, swappiness, disableOOMKiller } = memory;
  return [
    ...write('memory.limit', limit, 'memory.limit_in_bytes'),
    ...write('memory.swap', swap, 'memory.memsw.limit_in_bytes').map((entry) => ({
      ...entry,
      optional: !hostHasSwap(),
    })),
    ...write('memory.reservation', reservation, 'memory.soft_limit_in_bytes'),
    ...write('memory.swappiness', swappiness, 'memory.swappiness'),
    ...write('memory.disableOOMKiller', disableOOMKiller === true ? 1 : undefined, 'memory.oom_control'),
  ];
}

function cpuWrites(cpu: NonNullable<ResourceConfig['cpu']>): ControlWrite[] {
  return [
    ...write('cpu.shares', cpu.shares, 'cpu.shares'),
    ...write('cpu.period', cpu.period, 'cpu.cfs_period_us'),
    ...write('cpu.quota', cpu.quota, 'cpu.cfs_quota_us'),
    // At most the quota, which therefore comes first.
    ...write('cpu.burst', cpu.burst, 'cpu.cfs_burst_us'),
    ...write('cpu.realtimePeriod', cpu.realtimePeriod, 'cpu.rt_period_us'),
    ...write('cpu.realtimeRuntime', cpu.realtimeRuntime, 'cpu.rt_runtime_us'),
    ...write('cpu.idle', cpu.idle, 'cpu.idle'),
    ...write('cpu.cpus', cpu.cpus, 'cpuset.cpus'),
    ...write('cpu.mems', cpu.mems, 'cpuset.mems'),
  ];
}

/** Before 5.0 the weights were the CFQ scheduler's, since then they are BFQ's. */
function weightWrites({ weight, weightDevice = [] }: BlockIo): ControlWrite[] {
  return [
    ...write('blockIO.weight', weight, 'blkio.bfq.weight', 'blkio.weight'),
    ...weightDevice.flatMap(({ major, minor, weight: value }) =>
      write(
        'blockIO.weightDevice',
        `${major}:${minor} ${value}`,
        'blkio.bfq.weight_device',
        'blkio.weight_device',
      ),
    ),
  ];
}

function hugetlbFiles(pageSize: string): string[] {
  return [`hugetlb.${pageSize}.limit_in_bytes`, `hugetlb.${pageSize}.rsvd.limit_in_bytes`];
}
