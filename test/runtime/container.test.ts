import { readdirSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { busyboxHost, busyboxSpec, runBusybox } from '../support/busybox-container.ts';
import { requires } from '../support/requires.ts';

describe('a container', () => {
  requires('root', 'overlay');

  it('R-26 has namespaces of its own for everything but the host network it was given', async () => {
    const host = busyboxHost();
    const types = ['mnt', 'uts', 'pid', 'ipc', 'cgroup', 'net'];
    const command = types.map((type) => `readlink /proc/self/ns/${type}`).join('; ');
    const own = (await runBusybox(host, command)).stdout.trim().split('\n');
    const ours = types.map((type) => readlinkSync(`/proc/self/ns/${type}`));
    expect(own.filter((name) => ours.includes(name))).toEqual([]);
    const shared = await runBusybox(host, 'readlink /proc/self/ns/net', { network: 'host' });
    expect(shared.stdout.trim()).toBe(readlinkSync('/proc/self/ns/net'));
  });

  it('the program is PID 1 and sees no other processes', async () => {
    const { stdout } = await runBusybox(busyboxHost(), 'echo $$; echo /proc/[0-9]*');
    expect(stdout).toBe('1\n/proc/1\n');
  });

  it('S-12 R-46 has exactly the ids and groups it was given', async () => {
    const host = busyboxHost();
    const status = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => /^(Uid|Gid|Groups):/.test(line))
        .map((line) => line.replaceAll(/\s+/g, ' ').trim());
    const user = { uid: 1000, gid: 1001, additionalGids: [1001, 2000], home: '/' };
    expect(status((await runBusybox(host, 'cat /proc/self/status', { user })).stdout)).toEqual([
      'Uid: 1000 1000 1000 1000',
      'Gid: 1001 1001 1001 1001',
      'Groups: 1001 2000',
    ]);
    const none = { ...user, additionalGids: [] };
    expect(status((await runBusybox(host, 'cat /proc/self/status', { user: none })).stdout)[2]).toBe(
      'Groups:',
    );
  });

  const defaultSet = '00000000a80425fb';
  const nothing = '0000000000000000';

  it('R-20 S-09 root has the default capabilities, inheritable and ambient sets are empty', async () => {
    const { stdout } = await runBusybox(busyboxHost(), 'cat /proc/self/status');
    expect(capabilities(stdout)).toEqual([nothing, defaultSet, defaultSet, defaultSet, nothing]);
    expect(stdout).toMatch(/^Seccomp:\t2$/m);
    expect(stdout).toMatch(/^NoNewPrivs:\t0$/m);
  });

  it('S-09 an ordinary user has none but in the bounding set', async () => {
    const user = { uid: 1000, gid: 1000, additionalGids: [1000], home: '/' };
    const { stdout } = await runBusybox(busyboxHost(), 'cat /proc/self/status', { user });
    expect(capabilities(stdout)).toEqual([nothing, nothing, nothing, defaultSet, nothing]);
    expect(stdout).toMatch(/^Seccomp:\t2$/m);
  });

  it('R-11 has ambient and inheritable capabilities when asked for them', async () => {
    const host = busyboxHost();
    const user = { uid: 1000, gid: 1000, additionalGids: [1000], home: '/' };
    const spec = busyboxSpec(host, 'cat /proc/self/status', { user });
    const names = ['CAP_NET_BIND_SERVICE'];
    const sets = { bounding: names, effective: names, permitted: names, inheritable: names, ambient: names };
    const config = { ...spec.config, process: { ...spec.config.process, capabilities: sets } };
    const { stdout } = await runBusybox(host, '', { spec: { config } });
    expect(capabilities(stdout)).toEqual(Array(5).fill('0000000000000400'));
  });

  it('R-31 gains no privileges when told so, with the filter in place', async () => {
    const { stdout } = await runBusybox(busyboxHost(), 'cat /proc/self/status', { noNewPrivileges: true });
    expect(stdout).toMatch(/^NoNewPrivs:\t1$/m);
    expect(stdout).toMatch(/^Seccomp:\t2$/m);
  });

  it('R-18 S-02 has the descriptors 0 to 2 and no others', async () => {
    const { stdout } = await runBusybox(busyboxHost(), '/bin/ls /proc/1/fd; true');
    expect(stdout).toBe('0\n1\n2\n');
  });

  it('S-46 sees none of the builder’s environment', async () => {
    const { stdout } = await runBusybox(busyboxHost(), ['/bin/env']);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0])
        .toSorted(),
    ).toEqual(['HOME', 'PATH']);
  });

  it('R-43 has its own host name and a loopback device that is up', async () => {
    const { stdout } = await runBusybox(busyboxHost(), 'hostname; ip -o addr show lo; ip -o link', {
      hostname: 'box',
    });
    expect(stdout).toMatch(/^box\n/);
    expect(stdout).toContain('inet 127.0.0.1/8');
    expect(stdout.match(/^\d+: /gm)?.length).toBeGreaterThan(0);
    expect(stdout).not.toContain('eth0');
  });

  it('R-24 has the device nodes and links of every /dev', async () => {
    const { stdout } = await runBusybox(
      busyboxHost(),
      'cd /dev; stat -c "%n %F %t:%T %a" null zero full random urandom tty; for l in fd stdin stdout stderr core ptmx; do echo $l $(readlink $l); done; echo to-stdout > /dev/stdout; head -c 4 /dev/zero | od -An -tx1',
    );
    expect(stdout).toBe(
      [
        'null character special file 1:3 666',
        'zero character special file 1:5 666',
        'full character special file 1:7 666',
        'random character special file 1:8 666',
        'urandom character special file 1:9 666',
        'tty character special file 5:0 666',
        'fd /proc/self/fd',
        'stdin /proc/self/fd/0',
        'stdout /proc/self/fd/1',
        'stderr /proc/self/fd/2',
        'core /proc/kcore',
        'ptmx pts/ptmx',
        'to-stdout',
        ' 00 00 00 00',
        '',
      ].join('\n'),
    );
  });

  it('R-22 R-23 R-32 S-16 hides what is masked and holds what is read-only', async () => {
    const host = busyboxHost();
    const masked = busyboxSpec(host, '').config.linux.maskedPaths ?? [];
    const command = masked
      .map(
        (path) =>
          `if [ -d ${path} ]; then ls -A ${path}; touch ${path}/x 2>/dev/null && echo wrote ${path}; elif [ -e ${path} ]; then cat ${path}; fi`,
      )
      .join('; ');
    expect((await runBusybox(host, command)).stdout).toBe('');
    const writes =
      '(echo 1 > /proc/sys/kernel/domainname) 2>&1; (echo h > /proc/sysrq-trigger) 2>&1; (echo 1 > /sys/kernel/mm/ksm/run) 2>&1; (echo 1 > /sys/kernel/profiling) 2>&1; true';
    const { stdout } = await runBusybox(host, writes);
    expect(stdout.match(/Read-only file system/g)?.length).toBe(3);
  });

  it('R-29 R-11 has the limits, the mask and the priority it was given', async () => {
    const { stdout } = await runBusybox(
      busyboxHost(),
      'ulimit -n; ulimit -Hn; umask; cat /proc/self/oom_score_adj',
      {
        ulimits: [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }],
        oomScoreAdj: 321,
      },
    );
    expect(stdout).toBe('100\n200\n0022\n321\n');
  });

  it('R-15 has the kernel parameters of its own namespaces', async () => {
    const host = busyboxHost();
    const spec = busyboxSpec(
      host,
      'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmni',
    );
    const sysctl = { 'net.ipv4.ip_unprivileged_port_start': '7', 'kernel.shmmni': '77' };
    const config = { ...spec.config, linux: { ...spec.config.linux, sysctl } };
    expect((await runBusybox(host, '', { spec: { config } })).stdout).toBe('7\n77\n');
  });

  it('R-45 makes its working directory for its user, only when it is to', async () => {
    const host = busyboxHost();
    const user = { uid: 1000, gid: 1000, additionalGids: [1000], home: '/' };
    await expect(runBusybox(host, 'pwd', { user, cwd: '/srv/app' })).rejects.toMatchObject({
      code: 'RUNTIME_SETUP',
      message: expect.stringContaining('/srv/app') as string,
    });
    const made = await runBusybox(host, 'pwd; stat -c "%u %g %a" .', {
      user,
      cwd: '/srv/app',
      spec: { createCwd: true },
    });
    expect(made.stdout).toBe('/srv/app\n1000 1000 755\n');
  });

  it('R-40 R-45 volatile overlay: the upper holds what the program did, and no mount points', async () => {
    const host = busyboxHost();
    await runBusybox(host, 'echo x > /root/made; rm /etc/group');
    expect(readdirSync(host.layers.upper, { recursive: true }).toSorted()).toEqual([
      'etc',
      'etc/group',
      'root',
      'root/made',
    ]);
  });

  it('R-10 a read-only root takes no writes', async () => {
    const { stdout } = await runBusybox(busyboxHost(), '(touch /x) 2>&1; touch /dev/shm/y && echo shm', {
      readonlyRootfs: true,
    });
    expect(stdout).toBe('touch: /x: Read-only file system\nshm\n');
  });

  it('what a container mounts, the host does not see', async () => {
    const host = busyboxHost();
    await runBusybox(host, 'true');
    expect(readdirSync(`${host.folder}/runtime/mnt/root`)).toEqual([]);
  });
});

/** CapInh, CapPrm, CapEff, CapBnd, CapAmb. */
function capabilities(status: string): string[] {
  return status.split('\n').flatMap((line) => /^Cap\w+:\t(\w+)$/.exec(line)?.[1] ?? []);
}
