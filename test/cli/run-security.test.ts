import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { Tsbuild } from '../support/cli.ts';
import { runCli } from '../support/run-cli.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Docker's fourteen, as /proc/PID/status has them. */
const defaultMask = '00000000a80425fb';

describe('how far run shuts a container in', () => {
  const { cli, sh } = runCli();

  /** What the kernel says of the first process. */
  async function status(...flags: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const lines = await sh('cat /proc/self/status', ...flags);
    return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2) as [string, string]));
  }

  it('R-20 R-31 S-09 the defaults: Docker’s capabilities, none to inherit, a filter, new privileges allowed', async () => {
    expect(await status()).toMatchObject({
      CapBnd: defaultMask,
      CapPrm: defaultMask,
      CapEff: defaultMask,
      CapInh: '0000000000000000',
      CapAmb: '0000000000000000',
      NoNewPrivs: '0',
      Seccomp: '2',
    });
  });

  it.each([
    ['one more', ['--cap-add', 'SYS_TIME'], '00000000aa0425fb'],
    ['any spelling', ['--cap-add', 'cap_sys_time'], '00000000aa0425fb'],
    ['one less', ['--cap-drop', 'CHOWN'], '00000000a80425fa'],
    ['none', ['--cap-drop', 'all'], '0000000000000000'],
    ['only one', ['--cap-drop', 'ALL', '--cap-add', 'KILL'], '0000000000000020'],
  ])('R-20 S-09 capabilities: %s', async (_, flags, mask) => {
    const zero = '0000000000000000';
    expect(await status(...flags)).toMatchObject({ CapBnd: mask, CapEff: mask, CapInh: zero, CapAmb: zero });
  });

  it('R-20 --cap-add ALL is all that this process has, but for those taken away', async () => {
    const own = /^CapBnd:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
    const without = (BigInt(`0x${own}`) & ~1n).toString(16).padStart(16, '0');
    expect(await status('--cap-add', 'ALL', '--cap-drop', 'CHOWN')).toMatchObject({ CapBnd: without });
  });

  it('R-20 an ordinary user has the capabilities in the bounding set alone', async () => {
    expect(await status('-u', 'ada', '--cap-add', 'SYS_TIME')).toMatchObject({
      CapBnd: '00000000aa0425fb',
      CapEff: '0000000000000000',
      CapPrm: '0000000000000000',
    });
  });

  it('R-27 the filter follows the capabilities', async () => {
    const probe = 'unshare -U true 2>/dev/null && echo made || echo refused';
    expect(await sh(probe)).toEqual(['refused']);
    expect(await sh(probe, '--cap-add', 'SYS_ADMIN')).toEqual(['made']);
    expect(await sh(probe, '--security-opt', 'seccomp=unconfined')).toEqual(['made']);
  });

  it('R-27 seccomp=unconfined has no filter, a file has its own', async () => {
    expect(await status('--security-opt', 'seccomp=unconfined')).toMatchObject({ Seccomp: '0' });
    const { path } = tempFolder('profiles');
    const file = join(path, 'no-mkdir.json');
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
      syscalls: [
        {
          names: ['mkdir', 'mkdirat'],
          action: 'SCMP_ACT_ERRNO',
          errnoRet: 95,
          excludes: { caps: ['CAP_SYS_TIME'] },
        },
        { name: 'chmod', action: 'SCMP_ACT_ERRNO', includes: { minKernel: '99.0' } },
      ],
    };
    writeFileSync(file, JSON.stringify(profile));
    const script = 'mkdir /x 2>&1 || true; chmod 700 /tmp && echo mode; grep Seccomp: /proc/self/status';
    const option = ['--security-opt', `seccomp=${file}`];
    expect(await sh(script, ...option)).toEqual([
      "mkdir: can't create directory '/x': Operation not supported",
      'mode',
      'Seccomp:\t2',
    ]);
    expect(await sh(script, ...option, '--cap-add', 'SYS_TIME')).toEqual(['mode', 'Seccomp:\t2']);
  });

  it.each([
    ['none', undefined, 'ENOENT'],
    ['not JSON', '{', 'it is not JSON'],
    ['an unknown action', '{"defaultAction":"SCMP_ACT_PANIC"}', 'defaultAction'],
    [
      'a number too large',
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_LOG","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}',
      'syscalls.0.args.0.value',
    ],
    [
      'a rule without names',
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_LOG"}]}',
      'no names',
    ],
    [
      'both kinds of machines',
      '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86_64"}]}',
      'both architectures and archMap',
    ],
  ])('S-56 a seccomp profile that is %s is refused', async (_, text, why) => {
    const { path } = tempFolder('profiles');
    const file = join(path, 'profile.json');
    if (text !== undefined) writeFileSync(file, text);
    const { status: code, stderr } = await cli.run([
      'run',
      '--rm',
      '--security-opt',
      `seccomp=${file}`,
      'busybox:1',
      'true',
    ]);
    expect(code).toBe(125);
    expect(stderr).toContain('[USAGE]');
    expect(stderr).toContain(why);
  });

  it('R-31 no-new-privileges', async () => {
    expect(await status('--security-opt', 'no-new-privileges')).toMatchObject({ NoNewPrivs: '1' });
    expect(await status('--security-opt', 'no-new-privileges:true')).toMatchObject({ NoNewPrivs: '1' });
    expect(await status('--security-opt', 'no-new-privileges=false')).toMatchObject({ NoNewPrivs: '0' });
  });

  it('R-22 R-23 R-32 systempaths=unconfined masks nothing; else it is masked or read-only', async () => {
    const script =
      'wc -c < /proc/timer_list; grep " /proc/sys " /proc/mounts | wc -l; ls /sys/firmware | wc -l';
    const [masked, readOnly, firmware] = await sh(script);
    expect([masked, readOnly, firmware]).toEqual(['0', '1', '0']);
    const open = await sh(
      `${script}; grep " /proc/" /proc/mounts | wc -l`,
      '--security-opt',
      'systempaths=unconfined',
    );
    expect(open[1]).toBe('0');
    expect(open[3]).toBe('0');
  });

  it('R-28 asking for a label or a profile that the machine lacks is an error', async () => {
    const lacks = !existsSync('/sys/module/apparmor/parameters/enabled');
    const run = (option: string): ReturnType<Tsbuild['run']> =>
      cli.run(['run', '--rm', '--security-opt', option, 'busybox:1', 'true']);
    for (const fine of ['apparmor=unconfined', 'label=disable', 'label:disable'])
      expect(await run(fine)).toMatchObject({ status: 0 });
    for (const asked of ['label=type:container_t', ...(lacks ? ['apparmor=docker-default'] : [])]) {
      const { status: code, stderr } = await run(asked);
      expect(code, asked).toBe(125);
      expect(stderr, asked).toContain('[HOST_UNSUPPORTED]');
    }
  });

  it('--privileged: all capabilities and devices, no filter, no masks, sysfs to write to', async () => {
    const own = /^CapBnd:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    expect(await status('--privileged')).toMatchObject({
      CapBnd: own,
      CapEff: own,
      CapInh: '0000000000000000',
      Seccomp: '0',
    });
    const script = [
      'grep " /proc/" /proc/mounts | wc -l',
      'grep " /sys sysfs " /proc/mounts | cut -d" " -f4 | cut -d, -f1',
      'ls /dev | grep -c kmsg',
      'mount -t tmpfs none /mnt 2>/dev/null || mkdir /mnt && mount -t tmpfs none /mnt && echo mounted',
    ].join('; ');
    expect(await sh(script, '--privileged')).toEqual(['0', 'rw', '1', 'mounted']);
    expect(await status('--privileged', '--cap-drop', 'ALL')).toMatchObject({ CapBnd: '0000000000000000' });
  });

  it('R-24 R-25 --device: a node with the access asked for; without it the node opens nothing', async () => {
    // One that opens for root without any capability.
    const host = ['/dev/loop-control', '/dev/fuse', '/dev/net/tun'].find((path) => existsSync(path)) ?? '';
    const [major, minor] = (await runOk(['stat', '-c', '%t %T', host]))
      .split(' ')
      .map((hex) => parseInt(hex, 16));
    const opens = (mode: '<' | '<>', path: string): string =>
      `(: ${mode} ${path}) 2>/dev/null && echo opened || echo refused`;
    const made = `mknod /tmp/node c ${major} ${minor}; ${opens('<', '/tmp/node')}`;
    expect(await sh(`ls ${host} 2>/dev/null; ${made}`)).toEqual(['refused']);
    expect(await sh(opens('<>', host), '--device', host)).toEqual(['opened']);
    expect(await sh(`${opens('<', '/x/y')}; ${opens('<>', '/x/y')}`, '--device', `${host}:/x/y:r`)).toEqual([
      'opened',
      'refused',
    ]);
    expect(await sh(opens('<>', host), '--device', `${host}:r`)).toEqual(['refused']);
    expect(await sh(made, '--device-cgroup-rule', `c ${major}:${minor} r`)).toEqual(['opened']);
    expect(await sh('ls /d | sort', '--device', '/dev/net:/d')).toEqual(readdirSync('/dev/net').sort());
  });

  it('L-126 R-03 --device takes CDI names, hooks of theirs run only if asked for, and inspect tells where a device is on this machine', async () => {
    const vendor = `tsbuild-run-${process.pid}.test`;
    const file = join('/var/run/cdi', `${vendor}.json`);
    mkdirSync('/var/run/cdi', { recursive: true });
    const device = (name: string, containerEdits: object): object => ({ name, containerEdits });
    const edits = {
      env: ['GIVEN=yes'],
      deviceNodes: [{ path: '/dev/things/zero', type: 'c', major: 1, minor: 5, permissions: 'r' }],
      mounts: [{ hostPath: file, containerPath: '/opt/spec.json', options: ['ro', 'bind'] }],
      additionalGids: [4321],
    };
    const marker = join(tempFolder('marker').path, 'hooked');
    const hooked = { hooks: [{ hookName: 'createContainer', path: '/bin/touch', args: ['touch', marker] }] };
    const devices = [device('one', edits), device('hooked', hooked)];
    writeFileSync(file, JSON.stringify({ cdiVersion: '0.7.0', kind: `${vendor}/thing`, devices }));
    try {
      const script =
        'echo $GIVEN; head -c 2 /dev/things/zero | wc -c; grep -c cdiVersion /opt/spec.json; id -G | grep -c 4321';
      expect(await sh(script, '--device', `${vendor}/thing=one`)).toEqual(['yes', '2', '1', '1']);
      const refused = await cli.run([
        'run',
        '--rm',
        '--device',
        `${vendor}/thing=hooked`,
        'busybox:1',
        'true',
      ]);
      expect(refused).toMatchObject({ status: 125 });
      expect(refused.stderr).toContain('wants hooks, which are not allowed');
      expect(existsSync(marker)).toBe(false);
      await cli.ok(['run', '--rm', '--device', `${vendor}/thing=hooked`, '--cdi-hooks', 'busybox:1', 'true']);
      expect(existsSync(marker)).toBe(true);
      const absent = await cli.run(['run', '--rm', '--device', `${vendor}/thing=on`, 'busybox:1', 'true']);
      expect(absent.stderr).toContain(`did you mean ${vendor}/thing=one?`);
      const flags = ['--device', `${vendor}/thing=one`, '--device', '/dev/null:/dev/other:r'];
      const id = await cli.ok(['create', ...flags, 'busybox:1', 'true']);
      expect(JSON.parse(await cli.ok(['inspect', id]))).toMatchObject([
        {
          HostConfig: {
            Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/other', CgroupPermissions: 'r' }],
            DeviceRequests: [{ Driver: 'cdi', DeviceIDs: [`${vendor}/thing=one`] }],
          },
        },
      ]);
      await cli.ok(['rm', id]);
    } finally {
      rmSync(file);
    }
  });

  it.each([
    ['/dev/none', 'does not exist'],
    ['/etc/passwd', 'is not a device'],
    ['/proc/self', 'there is no device'],
    ['dev/null', 'expected /dev/host'],
    ['/dev/null:x', 'expected /dev/host'],
    ['/dev/null:/dev/x:rwx', 'expected /dev/host'],
    ['/dev/null:/dev/x:rr', 'expected /dev/host'],
  ])('refuses --device %s', async (value, why) => {
    const { status: code, stderr } = await cli.run(['run', '--rm', '--device', value, 'busybox:1', 'true']);
    expect(code).toBe(125);
    expect(stderr).toContain(why);
    expect(stderr).toContain('[USAGE]');
  });

  it('--sysctl sets parameters of its own namespaces, and none of the machine', async () => {
    const flags = ['--network', 'none', '--sysctl', 'net.ipv4.ip_unprivileged_port_start=80'];
    expect(
      await sh(
        'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax',
        ...flags,
        '--sysctl',
        'kernel.msgmax=9000',
      ),
    ).toEqual(['80', '9000']);
    expect(readFileSync('/proc/sys/kernel/msgmax', 'latin1').trim()).not.toBe('9000');
  });

  it.each([
    ['vm.swappiness=1', 'belongs to the machine'],
    ['kernel.hostname=x', 'belongs to the machine'],
    ['kernel.core_pattern=|/x', 'belongs to the machine'],
    ['net.core.somaxconn=1', "the machine's network namespace"],
    ['net/../vm/swappiness=1', 'expected name=value'],
    ['kernel.msgmax', 'expected name=value'],
    ['=1', 'expected name=value'],
  ])('S-03 refuses --sysctl %s on the machine’s network', async (value, why) => {
    const argv = ['run', '--rm', '--network', 'host', '--sysctl', value, 'busybox:1', 'true'];
    const { status: code, stderr } = await cli.run(argv);
    expect(code).toBe(125);
    expect(stderr).toContain(why);
  });

  it('a sysctl of a namespace that is shared is refused', async () => {
    const argv = ['run', '--rm', '--ipc', 'host', '--sysctl', 'kernel.msgmax=9000', 'busybox:1', 'true'];
    expect((await cli.run(argv)).stderr).toContain("the machine's ipc namespace");
  });

  it('R-26 --ipc, --pid, --uts and --cgroupns host share that namespace only', async () => {
    const types = ['ipc', 'pid', 'uts', 'mnt', 'cgroup'];
    const ofMachine = types.map((type) => readlinkSync(`/proc/self/ns/${type}`));
    const script = `for type in ${types.join(' ')}; do readlink /proc/self/ns/$type; done`;
    for (const type of ['ipc', 'pid', 'uts']) {
      const names = await sh(script, `--${type}`, 'host');
      expect(types.filter((_, index) => names[index] === ofMachine[index])).toEqual([type]);
    }
    const shared = await sh(script, '--cgroupns', 'host');
    expect(types.filter((_, index) => shared[index] === ofMachine[index])).toEqual(['cgroup']);
    expect((await sh(script)).filter((name) => ofMachine.includes(name))).toEqual([]);
    const processes = await sh('ls /proc | grep -c "^[0-9]"', '--pid', 'host');
    expect(Number(processes[0])).toBeGreaterThan(5);
  });

  it('S-12 --group-add adds groups of the image, by name or number', async () => {
    expect(await sh('id -G', '-u', 'ada', '--group-add', 'daemon', '--group-add', '777')).toEqual([
      '1000 1 50 777',
    ]);
    const { stderr } = await cli.run(['run', '--rm', '--group-add', 'staf', 'busybox:1', 'true']);
    expect(stderr).toContain('[USER_NOT_FOUND]');
    expect(stderr).toContain('did you mean "staff"?');
  });

  it('R-30 --oom-score-adj', async () => {
    expect(await sh('cat /proc/self/oom_score_adj', '--oom-score-adj', '321')).toEqual(['321']);
  });

  it.each([
    ['--cap-add', 'NET_ADMNI', 'did you mean NET_ADMIN?'],
    ['--cap-drop', 'everything', 'no such capability'],
    ['--security-opt', 'secomp=unconfined', 'did you mean seccomp?'],
    ['--security-opt', 'no-new-privileges=perhaps', 'no-new-privileges'],
    ['--security-opt', 'systempaths=none', 'systempaths=unconfined'],
    ['--security-opt', 'label=on', 'label=disable'],
    ['--userns', 'auto', 'as an ordinary user'],
    ['--device-cgroup-rule', 'c 1:x rw', 'type major:minor access'],
    ['--oom-score-adj', '1001', 'from -1000 to 1000'],
    ['--stop-timeout', 'soon', 'a whole number'],
    ['--stop-signal', 'SIGNO', 'invalid signal'],
    ['--restart', 'sometimes', 'unless-stopped'],
    ['--health-interval', '3', 'a time such as 30s'],
    ['--health-retries', '0', 'from 1'],
    ['--log-opt', 'max-size', 'name=value'],
    ['--log-opt', 'max-lines=3', 'max-size=SIZE or max-file=NUMBER'],
    ['--label', '=x', 'name=value'],
    ['--annotation', 'x', 'name=value'],
    ['--dns', 'nine', 'an address such as'],
    ['--dns-search', 'a b', 'a domain such as'],
    ['--add-host', 'x', 'name:address'],
    ['--platform', 'linux/x/y/z', 'os/architecture'],
    ['--pull', 'often', 'always'],
  ])('S-78 refuses %s %s with a hint', async (flag, value, hint) => {
    const { status: code, stderr } = await cli.run(['run', '--rm', flag, value, 'busybox:1', 'true']);
    expect(code).toBe(125);
    expect(stderr).toContain('[USAGE]');
    expect(stderr).toContain(hint);
  });

  it('one capability cannot be added and taken away', async () => {
    const argv = ['run', '--cap-add', 'KILL', '--cap-drop', 'kill', 'busybox:1', 'true'];
    expect((await cli.run(argv)).stderr).toContain('CAP_KILL is in --cap-add and in --cap-drop [USAGE]');
  });
});
