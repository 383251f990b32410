import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runCommand, type CommandResult } from '../support/run-command.ts';

const warning = /^warning: no writable cgroups: .*$/gm;

describe('on a machine without cgroups', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:unshare');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  /** Runs tsbuild where /sys/fs/cgroup is an empty folder. */
  function without(...args: readonly string[]): Promise<CommandResult> {
    const hidden = 'mount -t tmpfs none /sys/fs/cgroup && exec "$0" --root "$@"';
    return runCommand(['unshare', '-m', 'sh', '-c', hidden, tsbuildProgram, cli.root, ...args]);
  }

  it('a build says what its steps had to do without, once', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo one\nRUN echo two\n' });
    const { status, stderr } = await without('build', context);
    expect(status, stderr).toBe(0);
    expect(stderr.match(warning)).toHaveLength(1);
  });

  it('run says so, in the foreground and with -d', async () => {
    const front = await without('run', '--rm', 'busybox:1', 'echo', 'hi');
    expect(front).toMatchObject({ status: 0, stdout: 'hi\n' });
    expect(front.stderr.match(warning)).toHaveLength(1);
    const detached = await without('run', '-d', '--rm', '--name', 'bare', 'busybox:1', 'sleep', '1000');
    expect(detached.status).toBe(0);
    expect(detached.stderr.match(warning)).toHaveLength(1);
    await cli.ok(['rm', '-f', 'bare']);
  });

  it('C-22 a limit that cannot be applied is refused', async () => {
    const run = await without('run', '--rm', '-m', '64m', 'busybox:1', 'true');
    expect(run).toMatchObject({ status: 125, stdout: '' });
    expect(run.stderr).toContain('[LIMIT_UNAVAILABLE]');
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo limited\n' });
    const build = await without('build', '--pids-limit', '20', context);
    expect(build).toMatchObject({ status: 8 });
    expect(build.stderr).toContain('[LIMIT_UNAVAILABLE]');
  });
});
