import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { stepOutcomes } from '../support/progress-lines.ts';
import { requires } from '../support/requires.ts';

/** A shell script that prints what a container sees of its limits, the same for both versions of cgroups. */
const seen = [
  'cd /sys/fs/cgroup',
  'first() { for file in "$@"; do test -e $file && cut -d" " -f1 $file && return; done; echo none; }',
  'echo memory $(first memory/memory.limit_in_bytes memory.max)',
  'echo quota $(first cpu/cpu.cfs_quota_us cpu.max)',
  'echo weight $(first cpu/cpu.shares cpu.weight)',
  'echo cpus $(first cpuset/cpuset.cpus cpuset.cpus)',
  'echo pids $(first pids/pids.max pids.max)',
  'echo files $(ulimit -Sn) $(ulimit -Hn)',
  'echo shm $(df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2)',
].join('; ');

const flags = [
  ...['-m', '64m', '--cpus', '0.5', '--cpu-shares', '512', '--cpuset-cpus', '0', '--pids-limit', '50'],
  ...['--ulimit', 'nofile=99:100', '--shm-size', '1m'],
];

const wanted = [
  'memory 67108864',
  'quota 50000',
  // 20 is what 512 of 1024 shares are on the scale of version 2.
  expect.stringMatching(/^weight (512|20)$/),
  'cpus 0',
  'pids 50',
  'files 99 100',
  'shm 1024',
];

describe('limits', () => {
  requires('root', 'overlay', 'tool:busybox');
  requires('cgroup:memory', 'cgroup:cpu', 'cgroup:cpuset', 'cgroup:pids');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it('C-22 C-23 of run are what the container has', async () => {
    expect((await cli.ok(['run', '--rm', ...flags, 'busybox:1', 'sh', '-c', seen])).split('\n')).toEqual(
      wanted,
    );
  });

  it('C-22 C-23 of build are what a RUN step has', async () => {
    const context = makeContext({ Dockerfile: `FROM busybox:1\nRUN ${seen}\n` });
    const { status, stderr } = await cli.run(['build', ...flags, context]);
    expect(status, stderr).toBe(0);
    expect(stderr.split('\n').flatMap((line) => /^#2 \d+\.\d+ (.*)/.exec(line)?.[1] ?? [])).toEqual(wanted);
  });

  it('C-22 are no part of the cache key, and each is accepted for itself', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo limits > /x\n' });
    await cli.ok(['build', context]);
    const each = [
      ...[['--memory=32m'], ['-m', '32m', '--memory-swap', '-1'], ['--cpus=1.5'], ['--cpu-shares=2']],
      ...[['--cpuset-cpus=0'], ['--pids-limit=-1'], ['--ulimit=nproc=500'], ['--shm-size=2m'], flags],
    ];
    for (const given of each) {
      const { status, stderr } = await cli.run(['build', ...given, context]);
      expect(status, stderr).toBe(0);
      expect(stepOutcomes(stderr)).toMatchObject({ ran: [], cached: { length: 1 } });
    }
  });

  it('C-22 a step that needs more memory fails and says so', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN tail -c 200000000 /dev/zero\n' });
    const { status, stderr } = await cli.run(['build', '-m', '32m', '--memory-swap', '32m', context]);
    expect(status).toBe(5);
    expect(stderr).toMatch(
      /exit code: 137 \(out of memory: the limit is 32 MiB \(-m 32m\)\) \[RUN_FAILED\]\n {2}hint: .*--memory/,
    );
  });

  it('C-22 a step whose shell goes on after such a kill is warned of', async () => {
    const script = 'tail -c 200000000 /dev/zero | true; tail -c 200000000 /dev/zero || echo goes on';
    const context = makeContext({ Dockerfile: `FROM busybox:1\nRUN ${script}\n` });
    const { status, stderr } = await cli.run(['build', '-m', '32m', '--memory-swap', '32m', context]);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^warning: .* ended well, but .* killed for lack of memory: the limit is 32 MiB/m);
  });

  it('C-22 --resource says the same as the flags, which win', async () => {
    const context = makeContext({ Dockerfile: `FROM busybox:1\nRUN echo other; ${seen}\n` });
    const resources = ['--resource', 'memory=48m', '--resource', 'cpu-quota=20000', '--cpu-quota', '30000'];
    const { stderr } = await cli.run(['build', ...resources, context]);
    expect(stderr).toContain('memory 50331648\n');
    expect(stderr).toContain('quota 30000\n');
    const wrong = await cli.run(['build', '--resource', 'memry=48m', context]);
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('memory=VALUE') as string });
  });

  it('C-24 --cgroup-parent is where the cgroup of a step and of a container is', async () => {
    const group = `tsbuild-test-${randomUUID()}`;
    const show = 'grep -c . /proc/self/cgroup';
    const context = makeContext({ Dockerfile: `FROM busybox:1\nRUN ${show}\n` });
    using _folders = {
      [Symbol.dispose]: () => {
        for (const mount of readdirSync('/sys/fs/cgroup')) {
          const path = join('/sys/fs/cgroup', mount, group);
          if (existsSync(path)) rmdirSync(path);
        }
      },
    };
    await cli.ok(['build', '--no-cache', '--cgroup-parent', group, context]);
    expect(existsSync(join('/sys/fs/cgroup/memory', group))).toBe(true);
    await cli.ok(['run', '--rm', '--cgroup-parent', `/${group}`, 'busybox:1', 'true']);
    expect(readdirSync(join('/sys/fs/cgroup/memory', group), { withFileTypes: true })).not.toContainEqual(
      expect.objectContaining({
        isDirectory: expect.any(Function) as unknown,
        name: expect.stringMatching(/^(build-|[0-9a-f]{64})/) as string,
      }),
    );
  });

  it('C-71 a container that was killed for its memory says so', async () => {
    const name = 'hungry';
    const argv = ['run', '--name', name, '-m', '32m', '--memory-swap', '32m', 'busybox:1'];
    expect(await cli.run([...argv, 'tail', '-c', '200000000', '/dev/zero'])).toMatchObject({
      status: 137,
      stderr: 'warning: a process was killed for lack of memory: the limit is 32 MiB (-m 32m)\n',
    });
    const [found] = JSON.parse(await cli.ok(['inspect', name])) as { State: object; HostConfig: object }[];
    expect(found?.State).toMatchObject({ OOMKilled: true, ExitCode: 137 });
    expect(found?.HostConfig).toMatchObject({ Memory: 32 * 2 ** 20, MemorySwap: 32 * 2 ** 20 });
  });

  it.each([
    ['--memory', '1m', 'at least 6m'],
    ['--memory', 'lots', '512m'],
    ['--cpus', '0', '1.5'],
    ['--cpuset-cpus', 'a', '0-3,5'],
    ['--pids-limit', 'x', 'whole number'],
    ['--ulimit', 'x=1', 'nofile'],
    ['--shm-size', '0', '512m'],
    ['--memory-reservation', 'x', '512m'],
    ['--cpu-period', '1', '1000'],
    ['--blkio-weight', '1', '10 to 1000'],
    ['--device-read-bps', '/dev/null:1m', 'block device'],
    ['--cgroup-parent', '../x', '/group'],
    ['--cgroup-parent', 'user.slice', 'systemd'],
  ])('C-22 C-23 refuses %s %s with what it expects', async (flag, value, hint) => {
    const build = await cli.run(['build', flag, value, makeContext({ Dockerfile: 'FROM busybox:1\n' })]);
    expect(build).toMatchObject({ status: 2, stdout: '' });
    expect(build.stderr).toContain(
      `tsbuild: ${flag}: invalid value "${value.replace(/:1m$/, '')}" [USAGE]\n`,
    );
    expect(build.stderr).toContain(hint);
    expect(await cli.run(['run', '--rm', flag, value, 'busybox:1', 'true'])).toMatchObject({ status: 125 });
  });
});
