import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCgroupMounts, v2Cgroups } from '../../src/runtime/cgroup/index.ts';
import { busyboxHost, busyboxSpec, runBusybox } from '../support/busybox-container.ts';
import { requires } from '../support/requires.ts';

/** The v2 tree, which hybrid machines mount as well, if without the controllers. */
const { v2 = '' } = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'latin1'));
const manager = v2Cgroups(v2, { devices: true });
const controllers = v2 === '' ? '' : readFileSync(join(v2, 'cgroup.controllers'), 'latin1');

describe.skipIf(v2 === '')('cgroup v2', () => {
  requires('root', 'overlay');

  it('R-25 the kernel takes the device program and holds to it', async () => {
    const { stdout, stderr } = await runBusybox(
      busyboxHost(manager),
      'mknod /mem c 1 1 && echo made; (head -c 1 /mem) 2>&1; mknod /z c 1 5; head -c 2 /z | od -An -tx1; echo x > /dev/null; echo $?',
      { capabilities: ['CAP_MKNOD', 'CAP_SYS_RAWIO', 'CAP_DAC_OVERRIDE'] },
    );
    expect([stdout, stderr]).toEqual(['made\nhead: /mem: Operation not permitted\n 00 00\n0\n', '']);
  });

  it('S-10 has a namespace of its own, and its tree read-only', async () => {
    const { stdout } = await runBusybox(
      busyboxHost(manager),
      'grep ^0: /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs | head -1; (mkdir /sys/fs/cgroup/x) 2>&1',
    );
    expect(stdout).toBe("0::/\n1\nmkdir: can't create directory '/sys/fs/cgroup/x': Read-only file system\n");
  });

  it('pauses, kills and leaves nothing', async () => {
    const host = busyboxHost(manager);
    const container = await host.runtime.create(busyboxSpec(host, 'sleep 1000 & sleep 1000'));
    const folder = join(v2, 'tsbuild', container.id);
    await container.start();
    await container.pause(true);
    expect(readFileSync(join(folder, 'cgroup.freeze'), 'latin1')).toBe('1\n');
    await container.kill();
    expect(await container.wait()).toEqual({ kind: 'signaled', signal: 9 });
    expect((await container.usage()).cpuMicros).toBeGreaterThan(0);
    await container[Symbol.asyncDispose]();
    expect(existsSync(folder)).toBe(false);
  });

  it('S-18 without a PID namespace what is left is killed through the cgroup', async () => {
    const host = busyboxHost(manager);
    const spec = busyboxSpec(host, 'setsid sleep 1000 >/dev/null 2>&1 & exec sleep 0.1');
    const namespaces = spec.config.linux.namespaces.filter(({ type }) => type !== 'pid');
    const config = { ...spec.config, linux: { ...spec.config.linux, namespaces } };
    await using container = await host.runtime.create({ ...spec, config });
    await container.start();
    await container.wait();
    expect(readFileSync(join(v2, 'tsbuild', container.id, 'cgroup.procs'), 'latin1')).toBe('');
  });

  it('a limit without its controller is an error, and leaves no folder', async () => {
    if (/\bpids\b/.test(controllers)) return;
    const host = busyboxHost(manager);
    const spec = busyboxSpec(host, 'true', { limits: { pids: { limit: 5 } } });
    await expect(host.runtime.create(spec)).rejects.toMatchObject({ code: 'LIMIT_UNAVAILABLE' });
    expect(existsSync(join(v2, 'tsbuild', spec.id))).toBe(false);
  });
});
