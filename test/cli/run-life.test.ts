import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { runCli } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface Inspected {
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Config: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly unknown[];
}

describe('how a container of run lives', () => {
  const { cli, sh } = runCli();

  it('R-33 the command is process 1; with --init it has a reaper before it, which keeps no dead children', async () => {
    expect(await sh('echo $$')).toEqual(['1']);
    const orphan =
      '(sleep 0.05 & echo $! >/orphan); while test -e /proc/$(cat /orphan); do sleep 0.05; done; ls -d /proc/[0-9]* | wc -l; cat /proc/1/comm; echo $PPID';
    // The reaper, the shell, ls and wc: the orphan is gone, and not only dead.
    expect(await sh(orphan, '--init')).toEqual(['4', 'init', '1']);
  });

  it.each([
    ['exit 7', 7],
    ['kill -TERM $$', 143],
    ['kill -9 $$', 137],
  ])('R-33 --init ends as the command does: %s', async (script, status) => {
    expect(await cli.run(['run', '--rm', '--init', 'busybox:1', 'sh', '-c', script])).toMatchObject({
      status,
    });
  });

  it('R-33 with --init a program that does not exist is told as without', async () => {
    const { status, stderr } = await cli.run(['run', '--rm', '--init', 'busybox:1', 'nope']);
    expect(status).toBe(127);
    expect(stderr).toContain('command not found in the container: nope [COMMAND_NOT_FOUND]');
  });

  it('R-20 S-01 the reaper is as shut in as the command', async () => {
    const [comm, ...lines] = await sh(
      'cat /proc/1/comm; grep -E "^(Cap|NoNew|Seccomp:|Uid)" /proc/1/status > /tmp/a; grep -E "^(Cap|NoNew|Seccomp:|Uid)" /proc/self/status | diff - /tmp/a && echo same',
      '--init',
      '-u',
      'ada',
    );
    expect([comm, ...lines]).toEqual(['init', 'same']);
  });

  it('--init passes signals on, and stop needs no handler in the command', async () => {
    await cli.ok(['run', '-d', '--name', 'asleep', '--init', 'busybox:1', 'sleep', '1000']);
    await cli.ok(['stop', '-t', '60', 'asleep']);
    expect(await cli.ok(['wait', 'asleep'])).toBe('143');
    await cli.ok(['rm', 'asleep']);
  });

  it('--stop-signal is what stop sends', async () => {
    const script = 'trap "echo got usr1; exit 5" USR1; echo up; while :; do sleep 0.05; done';
    await cli.ok([
      'run',
      '-d',
      '--name',
      'stoppable',
      '--stop-signal',
      'USR1',
      'busybox:1',
      'sh',
      '-c',
      script,
    ]);
    await expect.poll(() => cli.ok(['logs', 'stoppable'])).toBe('up');
    await cli.ok(['stop', '-t', '60', 'stoppable']);
    expect(await cli.ok(['logs', 'stoppable'])).toBe('up\ngot usr1');
    await cli.ok(['rm', 'stoppable']);
  });

  it('--cidfile holds the id, must be new, and goes when there is no container', async () => {
    const file = join(tempFolder('cid').path, 'id');
    await cli.ok(['run', '--cidfile', file, 'busybox:1', 'true']);
    const id = readFileSync(file, 'utf8');
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    const again = await cli.run(['run', '--cidfile', file, 'busybox:1', 'true']);
    expect(again).toMatchObject({ status: 125 });
    expect(again.stderr).toMatch(/--cidfile: .* exists \[USAGE\]\n {2}hint: /);
    expect(readFileSync(file, 'utf8')).toBe(id);
    await cli.ok(['rm', id]);
    const other = `${file}2`;
    expect(await cli.run(['run', '--cidfile', other, '0123456789ab', 'true'])).toMatchObject({ status: 125 });
    expect(existsSync(other)).toBe(false);
  });

  it('--pull says when the registry is asked', async () => {
    const never = await cli.run(['run', '--rm', '--pull', 'never', '127.0.0.1:1/none:1', 'true']);
    expect(never).toMatchObject({ status: 125 });
    expect(never.stderr).toMatch(/^tsbuild: 127\.0\.0\.1:1\/none:1 is not in the store \[IMAGE_NOT_FOUND\]/);
    await cli.ok(['tag', 'busybox:1', '127.0.0.1:1/there:1']);
    expect(await cli.run(['run', '--rm', '127.0.0.1:1/there:1', 'true'])).toMatchObject({
      status: 0,
      stderr: '',
    });
    const always = await cli.run(['run', '--rm', '--pull', 'always', '127.0.0.1:1/there:1', 'true']);
    expect(always).toMatchObject({ status: 125 });
    expect(always.stderr).toContain('[REGISTRY_UNREACHABLE]');
  });

  it('--platform wants an image of that platform', async () => {
    const other = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64';
    const argv = ['run', '--rm', '--pull', 'never', '--platform', other, 'busybox:1', 'true'];
    const { status, stderr } = await cli.run(argv);
    expect(status).toBe(125);
    expect(stderr).toContain(`busybox:1 is not in the store for ${other}`);
  });

  it('--dns, --dns-search and --dns-option are its resolv.conf, --add-host lines of its hosts', async () => {
    const flags = [
      '--dns',
      '9.9.9.9',
      '--dns',
      '2620:fe::9',
      '--dns-search',
      'example.com',
      '--dns-option',
      'ndots:2',
    ];
    const others = ['search example.com', 'options ndots:2'];
    expect(await sh('cat /etc/resolv.conf', ...flags, '--network', 'host')).toEqual([
      ...['nameserver 9.9.9.9', 'nameserver 2620:fe::9', ...others],
    ]);
    expect(await sh('cat /etc/resolv.conf', ...flags)).toEqual(['nameserver 127.0.0.11', ...others]);
    expect(
      await sh('grep -wE "db|six" /etc/hosts', '--add-host', 'db:10.0.0.5', '--add-host', 'six=[::5]'),
    ).toEqual(['10.0.0.5\tdb', '::5\tsix']);
  });

  it('inspect shows what was asked for', async () => {
    const { path } = tempFolder('labels');
    writeFileSync(join(path, 'labels'), '# of a file\nfrom=file\nboth=file\n');
    const flags = [
      ...['--label', 'a=b', '-l', 'both=flag', '--label-file', join(path, 'labels')],
      ...['--cap-add', 'SYS_TIME', '--cap-drop', 'CHOWN', '--security-opt', 'no-new-privileges'],
      ...['--group-add', 'staff', '--add-host', 'db:10.0.0.5', '--dns', '9.9.9.9', '--tmpfs', '/t:size=1m'],
      ...['--device', '/dev/null:/dev/nothing:r', '--sysctl', 'kernel.msgmax=9000', '--oom-score-adj', '9'],
      ...['--init', '--uts', 'host', '--stop-timeout', '3', '--annotation', 'x=y', '-v', 'seen:/v:ro'],
    ];
    await cli.ok(['run', '--name', 'shown', ...flags, 'busybox:1', 'true']);
    const [{ HostConfig, Config, Mounts }] = JSON.parse(await cli.ok(['inspect', 'shown'])) as [Inspected];
    expect(HostConfig).toMatchObject({
      CapAdd: ['SYS_TIME'],
      CapDrop: ['CHOWN'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      GroupAdd: ['staff'],
      ExtraHosts: ['db:10.0.0.5'],
      Dns: ['9.9.9.9'],
      Tmpfs: { '/t': 'noexec,nosuid,nodev,mode=1777,size=1048576' },
      Devices: [{ PathInContainer: '/dev/nothing', CgroupPermissions: 'r' }],
      Sysctls: { 'kernel.msgmax': '9000' },
      OomScoreAdj: 9,
      Init: true,
      UTSMode: 'host',
      IpcMode: 'private',
    });
    expect(Config).toMatchObject({ Labels: { a: 'b', from: 'file', both: 'flag' } });
    expect(Mounts).toMatchObject([
      { Type: 'volume', Name: 'seen', Destination: '/v', RW: false },
      { Type: 'tmpfs', Destination: '/t' },
    ]);
    await cli.ok(['rm', 'shown']);
  });

  it('--rm and --restart contradict each other, as do --no-healthcheck and --health-cmd', async () => {
    for (const flags of [
      ['--rm', '--restart', 'always'],
      ['--no-healthcheck', '--health-cmd', 'true'],
    ]) {
      const { status, stderr } = await cli.run(['run', ...flags, 'busybox:1', 'true']);
      expect(status).toBe(125);
      expect(stderr).toContain('cannot be combined');
    }
    await cli.ok(['run', '--rm', '--restart', 'no', 'busybox:1', 'true']);
  });

  it('--restart counts in the foreground, too', async () => {
    const { path } = tempFolder('restarts');
    const script = 'echo x >> /s/runs; exit 3';
    const argv = [
      'run',
      '--name',
      'again',
      '-v',
      `${path}:/s`,
      '--restart',
      'on-failure:2',
      'busybox:1',
      'sh',
      '-c',
    ];
    const { status } = await cli.run([...argv, script]);
    await cli.ok(['wait', 'again']);
    expect(status).toBe(3);
    expect(readFileSync(join(path, 'runs'), 'utf8')).toBe('x\nx\nx\n');
    await cli.ok(['rm', 'again']);
  });
});
