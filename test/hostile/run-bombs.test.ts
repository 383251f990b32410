import { beforeAll, describe, expect, it } from 'vitest';
import { busyboxName, busyboxTar } from '../support/busybox.ts';
import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

function contextOf(command: string): string {
  return makeContext({ Dockerfile: `FROM busybox:1\nRUN ${command}\n` });
}

interface Bounds {
  readonly flags?: readonly string[];
  /** What they cannot be held to without. */
  readonly need?: `cgroup:${string}`;
}

/** The step ends with an error of its own; the builder lives, and builds on. */
describe('S-19 a RUN step that takes all there is', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;

  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it.each<readonly [what: string, command: string, told: RegExp, bounded: Bounds]>([
    [
      'processes',
      'f() { f & f & wait; }; f; exit 1',
      /exit code/,
      { flags: ['--pids-limit', '40'], need: 'cgroup:pids' },
    ],
    ['memory', 'tail /dev/zero', /out of memory/, { flags: ['-m', '32m'], need: 'cgroup:memory' }],
    ['descriptors', 'n=3; while eval "exec $n</dev/null"; do n=$((n+1)); done', /exit code/, {}],
    ['shared memory', 'cat /dev/zero > /dev/shm/x', /No space left/, { flags: ['--shm-size', '1m'] }],
  ])('of %s', async (_, command, told, { flags = [], need }) => {
    if (need !== undefined) requires(need);
    const limits = ['--ulimit', 'nofile=64:64', ...flags];
    const { status, stderr } = await cli.run(['build', '--progress', 'plain', ...limits, contextOf(command)]);
    expect(status).not.toBe(0);
    expect(stderr).toContain('[RUN_FAILED]');
    expect(stderr).toMatch(told);
    await cli.ok(['build', '-q', ...limits, contextOf('echo built')]);
  });

  it.each([
    ['blocks', 'size=48m', 'cat /dev/zero > /fill'],
    ['inodes', 'size=48m,nr_inodes=3000', 'i=0; while true; do : > /f$i; i=$((i+1)); done'],
  ])('of the disk: %s', async (_, options, command) => {
    requires('tool:unshare');
    // A store on a small file system that nobody else sees.
    const script = [
      `mount -t tmpfs -o ${options} tmpfs "$1"`,
      `"$0" --root "$1" import "$2" ${busyboxName}`,
      'if "$0" --root "$1" build --progress plain "$3"; then exit 1; fi',
      // What the step wrote is gone with it.
      '"$0" --root "$1" build --progress plain "$4"',
    ].join('\n');
    const paths = [tempFolder('small').path, await busyboxTar(), contextOf(command), contextOf('echo built')];
    const { status, stderr } = await runCommand([
      ...['unshare', '-m', 'sh', '-exc', script, tsbuildProgram],
      ...paths,
    ]);
    expect(stderr).toMatch(/No space left on device/);
    expect(stderr).toMatch(/\[(RUN_FAILED|DISK_FULL)\]/);
    expect(status, stderr).toBe(0);
  });
});
