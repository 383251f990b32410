import { describe, expect, it } from 'vitest';
import type { ResourceConfig } from '../../src/oci/runtime-spec.ts';
import {
  cpuWeight,
  ioWeight,
  noCgroups,
  v1Writes,
  v2Writes,
  type ControlWrite,
} from '../../src/runtime/cgroup/index.ts';

const MiB = 2 ** 20;
const unavailable = (text: string): unknown =>
  expect.objectContaining({ code: 'LIMIT_UNAVAILABLE', message: expect.stringContaining(text) as string });

/** `controller: file value`, alternatives with a bar between. */
function lines(writes: readonly ControlWrite[]): string {
  return writes
    .map(
      ({ controller, files }) =>
        `${controller}: ${files.map(({ name, value }) => `${name} ${value}`).join(' | ')}`,
    )
    .join('; ');
}

/** A limit, what v1 gets and what v2 gets; undefined where that version has no such thing. */
const table: readonly (readonly [ResourceConfig, v1: string | undefined, v2: string | undefined])[] = [
  [{ memory: { limit: 64 * MiB } }, 'memory: memory.limit_in_bytes 67108864', 'memory: memory.max 67108864'],
  [{ memory: { limit: -1 } }, 'memory: memory.limit_in_bytes -1', 'memory: memory.max max'],
  [
    { memory: { limit: 64 * MiB, swap: 96 * MiB } },
    'memory: memory.limit_in_bytes 67108864; memory: memory.memsw.limit_in_bytes 100663296',
    'memory: memory.max 67108864; memory: memory.swap.max 33554432',
  ],
  [
    { memory: { limit: MiB, swap: -1 } },
    'memory: memory.limit_in_bytes 1048576; memory: memory.memsw.limit_in_bytes -1',
    'memory: memory.max 1048576; memory: memory.swap.max max',
  ],
  [
    { memory: { reservation: MiB } },
    'memory: memory.soft_limit_in_bytes 1048576',
    'memory: memory.low 1048576',
  ],
  [{ memory: { swappiness: 10 } }, 'memory: memory.swappiness 10', undefined],
  [{ memory: { disableOOMKiller: true } }, 'memory: memory.oom_control 1', undefined],
  [{ memory: { disableOOMKiller: false } }, '', ''],
  [{ cpu: { shares: 1024 } }, 'cpu: cpu.shares 1024', 'cpu: cpu.weight 100'],
  [{ cpu: { quota: 50_000 } }, 'cpu: cpu.cfs_quota_us 50000', 'cpu: cpu.max 50000'],
  [
    { cpu: { quota: 50_000, period: 20_000 } },
    'cpu: cpu.cfs_period_us 20000; cpu: cpu.cfs_quota_us 50000',
    'cpu: cpu.max 50000 20000',
  ],
  [{ cpu: { period: 5000 } }, 'cpu: cpu.cfs_period_us 5000', 'cpu: cpu.max max 5000'],
  [{ cpu: { quota: -1 } }, 'cpu: cpu.cfs_quota_us -1', 'cpu: cpu.max max'],
  [{ cpu: { burst: 1000 } }, 'cpu: cpu.cfs_burst_us 1000', 'cpu: cpu.max.burst 1000'],
  [{ cpu: { idle: 1 } }, 'cpu: cpu.idle 1', 'cpu: cpu.idle 1'],
  [
    { cpu: { realtimePeriod: 1000, realtimeRuntime: 500 } },
    'cpu: cpu.rt_period_us 1000; cpu: cpu.rt_runtime_us 500',
    undefined,
  ],
  [{ cpu: { cpus: '0-1' } }, 'cpuset: cpuset.cpus 0-1', 'cpuset: cpuset.cpus 0-1'],
  [{ cpu: { mems: '0' } }, 'cpuset: cpuset.mems 0', 'cpuset: cpuset.mems 0'],
  [{ pids: { limit: 100 } }, 'pids: pids.max 100', 'pids: pids.max 100'],
  [{ pids: { limit: -1 } }, 'pids: pids.max max', 'pids: pids.max max'],
  [
    { blockIO: { weight: 500 } },
    'blkio: blkio.bfq.weight 500 | blkio.weight 500',
    'io: io.bfq.weight 500 | io.weight 4950',
  ],
  [
    { blockIO: { weightDevice: [{ major: 8, minor: 16, weight: 1000 }] } },
    'blkio: blkio.bfq.weight_device 8:16 1000 | blkio.weight_device 8:16 1000',
    'io: io.bfq.weight 8:16 1000 | io.weight 8:16 10000',
  ],
  [
    {
      blockIO: {
        throttleReadBpsDevice: [{ major: 8, minor: 0, rate: MiB }],
        throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 2 * MiB }],
        throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 30 }],
        throttleWriteIOPSDevice: [
          { major: 8, minor: 0, rate: 40 },
          { major: 9, minor: 1, rate: 0 },
        ],
      },
    },
    'blkio: blkio.throttle.read_bps_device 8:0 1048576; blkio: blkio.throttle.write_bps_device 8:0 2097152; ' +
      'blkio: blkio.throttle.read_iops_device 8:0 30; blkio: blkio.throttle.write_iops_device 8:0 40; ' +
      'blkio: blkio.throttle.write_iops_device 9:1 0',
    'io: io.max 8:0 rbps=1048576; io: io.max 8:0 wbps=2097152; io: io.max 8:0 riops=30; io: io.max 8:0 wiops=40; ' +
      'io: io.max 9:1 wiops=max',
  ],
  [
    { hugepageLimits: [{ pageSize: '2MB', limit: 4 * MiB }] },
    'hugetlb: hugetlb.2MB.limit_in_bytes 4194304 | hugetlb.2MB.rsvd.limit_in_bytes 4194304',
    'hugetlb: hugetlb.2MB.max 4194304 | hugetlb.2MB.rsvd.max 4194304',
  ],
  [{ network: { classID: 0x100001 } }, 'net_cls: net_cls.classid 1048577', undefined],
  [
    { network: { priorities: [{ name: 'eth0', priority: 5 }] } },
    'net_prio: net_prio.ifpriomap eth0 5',
    undefined,
  ],
  [
    { rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 1000 } } },
    'rdma: rdma.max mlx5_1 hca_handle=3 hca_object=1000',
    'rdma: rdma.max mlx5_1 hca_handle=3 hca_object=1000',
  ],
  [
    { unified: { 'memory.high': '1000000', 'cgroup.max.depth': '2' } },
    undefined,
    'memory: memory.high 1000000; cgroup: cgroup.max.depth 2',
  ],
];

describe('limits as cgroup files', () => {
  it.each(table.filter(([, v1]) => v1 !== undefined))('R-16 R-60 of v1: %j', (limits, v1) => {
    expect(lines(v1Writes(limits))).toBe(v1);
  });

  it.each(table.filter(([, , v2]) => v2 !== undefined))('R-16 R-60 of v2: %j', (limits, _, v2) => {
    expect(lines(v2Writes(limits))).toBe(v2);
  });

  it.each(table.filter(([, v1, v2]) => v1 === undefined || v2 === undefined))(
    'R-16 what one version does not know is an error there, never silence: %j',
    (limits, v1) => {
      expect(() => (v1 === undefined ? v1Writes : v2Writes)(limits)).toThrow(
        expect.objectContaining({ code: 'LIMIT_UNAVAILABLE' }),
      );
    },
  );

  it('R-16 v2 counts swap alone, and needs to know the memory for that', () => {
    expect(() => v2Writes({ memory: { swap: MiB } })).toThrow(unavailable('needs one of memory'));
  });

  it.each(['../other/memory.max', '/memory.max', 'memory/max', 'memory', '', 'cgroup.procs', 'cgroup.kill'])(
    'R-16 unified names a limit of the container: %j does not',
    (name) => {
      expect(() => v2Writes({ unified: { [name]: '1' } })).toThrow(unavailable('is no limit'));
    },
  );

  const weights: readonly (readonly [shares: number, weight: number])[] = [
    [2, 1],
    [1024, 100],
    [262_144, 10_000],
  ];
  it.each(weights)('cpu.shares %d are cpu.weight %d', (shares, weight) => {
    expect(cpuWeight(shares)).toBe(weight);
  });

  it('blockIO.weight meets both ends of io.weight', () => {
    expect([ioWeight(10), ioWeight(1000)]).toEqual([1, 10_000]);
  });
});

describe('a machine without cgroups', () => {
  const manager = noCgroups('they are off');

  it('R-63 gives up device rules', () => {
    expect(manager.create({ id: 'x' }, { devices: [{ allow: false }] }).placement.folders).toEqual([]);
    expect(manager.usage({ id: 'x' })).toBeUndefined();
  });

  it.each(table.filter(([limits]) => limits.memory?.disableOOMKiller !== false))(
    'R-63 refuses %j',
    (limits) => {
      const [group = ''] = Object.keys(limits);
      expect(() => manager.create({ id: 'x' }, limits)).toThrow(unavailable(`${group}.`));
    },
  );
});
