import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ResourceConfig } from '../../src/oci/runtime-spec.ts';
import { cgroupManager, parseCgroupMounts, type Cgroup } from '../../src/runtime/cgroup/index.ts';
import { busyboxHost, busyboxSpec, runBusybox } from '../support/busybox-container.ts';
import { requires, type Need } from '../support/requires.ts';

const MiB = 2 ** 20;

/** Whole disks only: a limit of a partition is none. */
function someDisk(): { readonly major: number; readonly minor: number } {
  const { rdev } = statSync('/dev/vda', { throwIfNoEntry: false }) ?? statSync('/dev/loop0');
  return { major: rdev >> 8, minor: rdev & 0xff };
}

function newCgroup(limits: ResourceConfig, path?: string): Cgroup & Disposable {
  const cgroup = cgroupManager('auto').create({ id: `test-${randomUUID()}`, path }, limits);
  return Object.assign(cgroup, { [Symbol.dispose]: () => cgroup.remove() });
}

function readBack(cgroup: Cgroup, controller: string, file: string): string {
  const folder = cgroup.placement.folders.find((entry) => entry.controller === controller)?.path;
  return readFileSync(join(folder ?? '/missing', file), 'latin1').trim();
}

const isV1 = Object.keys(parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'latin1')).v1).length > 0;

describe.skipIf(!isV1)('limits in the kernel, cgroup v1', () => {
  requires('root');

  const device = someDisk();
  const disk = `${device.major}:${device.minor}`;
  const table: readonly (readonly [ResourceConfig, file: string, value: string])[] = [
    [{ memory: { limit: 64 * MiB } }, 'memory.limit_in_bytes', '67108864'],
    [{ memory: { limit: 64 * MiB, swap: 96 * MiB } }, 'memory.memsw.limit_in_bytes', '100663296'],
    [{ memory: { reservation: 32 * MiB } }, 'memory.soft_limit_in_bytes', '33554432'],
    [{ memory: { swappiness: 7 } }, 'memory.swappiness', '7'],
    [
      { memory: { disableOOMKiller: true } },
      'memory.oom_control',
      'oom_kill_disable 1\nunder_oom 0\noom_kill 0',
    ],
    [{ cpu: { shares: 512 } }, 'cpu.shares', '512'],
    [{ cpu: { period: 50_000, quota: 25_000 } }, 'cpu.cfs_quota_us', '25000'],
    [{ cpu: { period: 50_000, quota: 25_000 } }, 'cpu.cfs_period_us', '50000'],
    [{ cpu: { quota: 50_000, burst: 10_000 } }, 'cpu.cfs_burst_us', '10000'],
    [{ cpu: { idle: 1 } }, 'cpu.idle', '1'],
    [{ cpu: { cpus: '0' } }, 'cpuset.cpus', '0'],
    [{ cpu: { mems: '0' } }, 'cpuset.mems', '0'],
    [{ pids: { limit: 12 } }, 'pids.max', '12'],
    [
      { blockIO: { throttleReadBpsDevice: [{ ...device, rate: MiB }] } },
      'blkio.throttle.read_bps_device',
      `${disk} 1048576`,
    ],
    [
      { blockIO: { throttleWriteBpsDevice: [{ ...device, rate: MiB }] } },
      'blkio.throttle.write_bps_device',
      `${disk} 1048576`,
    ],
    [
      { blockIO: { throttleReadIOPSDevice: [{ ...device, rate: 30 }] } },
      'blkio.throttle.read_iops_device',
      `${disk} 30`,
    ],
    [
      { blockIO: { throttleWriteIOPSDevice: [{ ...device, rate: 40 }] } },
      'blkio.throttle.write_iops_device',
      `${disk} 40`,
    ],
  ];
  it.each(table)('R-16 %j holds as %s', (limits, file, value) => {
    const controller = file.slice(0, file.indexOf('.'));
    requires(`cgroup:${controller}` as Need);
    using cgroup = newCgroup(limits);
    expect(readBack(cgroup, controller, file)).toBe(value);
  });

  it.each([
    [{ blockIO: { weight: 500 } }, 'blkio', 'blkio.bfq.weight', 'blockIO.weight'],
    [
      { hugepageLimits: [{ pageSize: '3MB', limit: 0 }] },
      'hugetlb',
      'hugetlb.3MB.limit_in_bytes',
      'hugepage',
    ],
    [{ network: { classID: 1 } }, 'net_cls', 'net_cls.classid', 'network.classID'],
  ] as const)('what the kernel lacks is an error that names it: %j', (limits, controller, file, what) => {
    if (existsSync(`/sys/fs/cgroup/${controller}/tsbuild/${file}`)) return;
    expect(() => newCgroup(limits)).toThrow(
      expect.objectContaining({
        code: 'LIMIT_UNAVAILABLE',
        message: expect.stringContaining(what) as string,
      }),
    );
  });

  it('a burst above the quota is refused, and no folder stays', () => {
    requires('cgroup:cpu');
    const path = `/tsbuild/test-${randomUUID()}`;
    expect(() => newCgroup({ cpu: { quota: 5000, burst: 6000 } }, path)).toThrow(
      expect.objectContaining({ code: 'LIMIT_UNAVAILABLE' }),
    );
    expect(existsSync(`/sys/fs/cgroup/cpu${path}`)).toBe(false);
  });

  it.each([
    [{ memory: { limit: 32 * MiB, swap: 32 * MiB } }, { memory: { limit: 64 * MiB, swap: 64 * MiB } }],
    [{ memory: { limit: 64 * MiB, swap: 64 * MiB } }, { memory: { limit: 32 * MiB, swap: 32 * MiB } }],
  ])('memory and its swap are raised and lowered together: %j to %j', (before, after) => {
    requires('cgroup:memory');
    using cgroup = newCgroup(before);
    cgroup.update(after);
    expect(readBack(cgroup, 'memory', 'memory.limit_in_bytes')).toBe(String(after.memory.limit));
    expect(readBack(cgroup, 'memory', 'memory.memsw.limit_in_bytes')).toBe(String(after.memory.swap));
  });

  it('C-24 a path of its own is used in every hierarchy, cpuset included', () => {
    requires('cgroup:cpuset', 'cgroup:memory');
    const path = `/tsbuild/group-${randomUUID()}/one`;
    using cgroup = newCgroup({ cpu: { cpus: '0' } }, path);
    expect(cgroup.placement.folders.map(({ path: folder }) => folder.endsWith(path))).not.toContain(false);
    expect(readBack(cgroup, 'cpuset', 'cpuset.mems')).not.toBe('');
    cgroup.remove();
    for (const { path: folder } of cgroup.placement.folders) rmdirSync(dirname(folder));
  });

  it.each(['relative', '/up/../x', '/', '/a//b', 'system.slice:tsbuild:x', '/a/'])(
    'C-24 the cgroup path %j is refused',
    (path) => {
      expect(() => newCgroup({}, path)).toThrow(expect.objectContaining({ code: 'LIMIT_UNAVAILABLE' }));
    },
  );
});

describe('what a container used', () => {
  requires('root', 'overlay');

  it('R-60 is measured without any limit asked for', async () => {
    requires('cgroup:memory', 'cgroup:pids', 'cgroup:cpuacct');
    const work = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; head -c 20000000 /dev/zero | tail -c 1';
    const { usage } = await runBusybox(busyboxHost(), work);
    expect(usage.cpuMicros).toBeGreaterThan(1000);
    expect(usage.memoryPeak).toBeGreaterThan(100_000);
    expect(usage.cpuMicros).toBeGreaterThanOrEqual(usage.cpuUserMicros ?? Infinity);
    expect(usage).toMatchObject({ oomKills: 0, memoryLimit: undefined, pidsLimit: undefined });
  });

  it('R-60 tells limits, processes and being throttled while it runs', async () => {
    requires('cgroup:memory', 'cgroup:pids', 'cgroup:cpu');
    const host = busyboxHost();
    const limits = {
      memory: { limit: 64 * MiB },
      pids: { limit: 20 },
      cpu: { quota: 5000, period: 100_000 },
    };
    await using container = await host.runtime.create(
      busyboxSpec(host, 'sleep 100 & while :; do :; done', { limits }),
    );
    await container.start();
    await expect.poll(async () => (await container.usage()).throttledPeriods).toBeGreaterThan(0);
    expect(await container.usage()).toMatchObject({
      memoryLimit: 64 * MiB,
      pidsLimit: 20,
      pidsCurrent: 2,
    });
    const { id } = container;
    expect(cgroupManager('auto').usage({ id })).toMatchObject({ memoryLimit: 64 * MiB, pidsCurrent: 2 });
    expect(cgroupManager('auto').usage({ id: `${id}-other` })).toBeUndefined();
  });
});
