import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cgroupManager, parseCgroupMounts } from '../../src/runtime/cgroup/index.ts';
import { busyboxHost, busyboxSpec, runBusybox } from '../support/busybox-container.ts';
import { requires } from '../support/requires.ts';

describe('finding the cgroups', () => {
  const line = (point: string, type: string, options: string): string =>
    `30 20 0:25 / ${point} rw,relatime shared:5 - ${type} cgroup rw,${options}`;

  it('names the folder of each v1 controller, also of joint ones and odd paths', () => {
    const mounts = [
      line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
      line('/odd\\040place', 'cgroup', 'memory'),
      line('/sys/fs/cgroup/systemd', 'cgroup', 'name=systemd'),
      line('/sys/fs/cgroup/unified', 'cgroup2', 'nsdelegate'),
    ].join('\n');
    expect(parseCgroupMounts(mounts)).toEqual({
      v1: { cpu: '/sys/fs/cgroup/cpu,cpuacct', cpuacct: '/sys/fs/cgroup/cpu,cpuacct', memory: '/odd place' },
      v2: '/sys/fs/cgroup/unified',
    });
  });
});

describe('a container with limits', () => {
  requires('root', 'overlay');

  it('S-19 R-50 is killed for memory within its limit, and says so', async () => {
    requires('cgroup:memory');
    const limits = { memory: { limit: 32 * 2 ** 20, swap: 32 * 2 ** 20 } };
    const result = await runBusybox(busyboxHost(), 'tail /dev/zero; echo tail ended with $?', { limits });
    expect(result.stdout).toBe('tail ended with 137\n');
    expect(result.usage.oomKills).toBeGreaterThan(0);
    expect(result.usage.memoryPeak).toBeLessThanOrEqual(32 * 2 ** 20);
  });

  it('S-19 a fork bomb ends at its own limit, the first process included', async () => {
    requires('cgroup:pids');
    const host = busyboxHost();
    const command = 'for i in 1 2 3 4 5 6 7 8 9; do sleep 100 & done; echo started';
    const { stderr, code } = await runBusybox(host, command, { limits: { pids: { limit: 5 } } });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/can't fork/);
    expect(
      (await runBusybox(host, 'sleep 0 & sleep 0 & wait; echo ok', { limits: { pids: { limit: 5 } } }))
        .stdout,
    ).toBe('ok\n');
  });

  it('R-25 may make a node of a disk, and not open it', async () => {
    requires('cgroup:devices');
    const { rdev } = statSync('/dev/vda', { throwIfNoEntry: false }) ?? statSync('/dev/loop0');
    const [major, minor] = [rdev >> 8, rdev & 0xff];
    const names = ['CAP_MKNOD', 'CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE'];
    const { stdout } = await runBusybox(
      busyboxHost(),
      `mknod /disk b ${major} ${minor} && echo made; (head -c 1 /disk) 2>&1; head -c 1 /dev/zero | wc -c; echo x > /dev/null && echo null`,
      { capabilities: names },
    );
    expect(stdout).toBe('made\nhead: /disk: Operation not permitted\n1\nnull\n');
  });

  it('R-21 S-10 sees its own cgroups only, read-only', async () => {
    requires('cgroup:pids');
    const { stdout } = await runBusybox(
      busyboxHost(),
      'cat /sys/fs/cgroup/pids/pids.max; (echo 1 > /sys/fs/cgroup/pids/pids.max) 2>&1; (mkdir /sys/fs/cgroup/x) 2>&1; sed "s/.*://" /proc/self/cgroup | sort -u',
      { limits: { pids: { limit: 7 } } },
    );
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      '7',
      expect.stringContaining('Read-only file system'),
      expect.stringContaining('Read-only file system'),
    ]);
    expect(stdout).not.toContain('tsbuild');
  });

  it('an update changes the limits while it runs', async () => {
    requires('cgroup:pids');
    const host = busyboxHost();
    await using container = await host.runtime.create(
      busyboxSpec(host, 'sleep 100', { limits: { pids: { limit: 5 } } }),
    );
    await container.update({ pids: { limit: 9 } });
    expect(readFileSync(`/sys/fs/cgroup/pids/tsbuild/${container.id}/pids.max`, 'latin1')).toBe('9\n');
  });

  it('a paused container stands still, and can be killed', async () => {
    requires('cgroup:freezer', 'cgroup:devices');
    const host = busyboxHost();
    const container = await host.runtime.create(busyboxSpec(host, 'sleep 1000 & sleep 1000'));
    await container.start();
    await container.pause(true);
    const state = `/sys/fs/cgroup/freezer/tsbuild/${container.id}/freezer.state`;
    expect(readFileSync(state, 'latin1')).toMatch(/FR(EEZING|OZEN)/);
    await container.pause(false);
    expect(readFileSync(state, 'latin1')).toBe('THAWED\n');
    await container.pause(true);
    await container.kill();
    expect(await container.wait()).toEqual({ kind: 'signaled', signal: 9 });
    await container[Symbol.asyncDispose]();
    expect(existsSync(state)).toBe(false);
  });

  it('S-18 leaves no cgroup behind', async () => {
    requires('cgroup:pids');
    const host = busyboxHost();
    const spec = busyboxSpec(host, 'true', { limits: { pids: { limit: 5 } } });
    const container = await host.runtime.create(spec);
    const folders = ['pids', 'devices'].map((name) => join('/sys/fs/cgroup', name, 'tsbuild', spec.id));
    expect(folders.map((path) => existsSync(path))).toEqual([true, true]);
    await container[Symbol.asyncDispose]();
    expect(folders.map((path) => existsSync(path))).toEqual([false, false]);
  });

  it('a failing set-up leaves no cgroup behind', async () => {
    requires('cgroup:pids');
    const host = busyboxHost();
    const spec = busyboxSpec(host, 'true', { cwd: '/missing', limits: { pids: { limit: 5 } } });
    await expect(host.runtime.create(spec)).rejects.toMatchObject({ code: 'RUNTIME_SETUP' });
    expect(existsSync(join('/sys/fs/cgroup/pids/tsbuild', spec.id))).toBe(false);
  });

  it('runs without cgroups where they are off, and warns', async () => {
    const result = await runBusybox(busyboxHost('none'), 'echo fine');
    expect(result.stdout).toBe('fine\n');
    expect(result.warnings).toEqual([expect.stringContaining('no writable cgroups')]);
    expect(cgroupManager('none').version).toBe('none');
  });
});
