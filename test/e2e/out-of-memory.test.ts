import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { requires } from '../support/requires.ts';

interface Inspected {
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly OOMKilled: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly StartedAt: string;
  };
}

const MiB = 2 ** 20;

/** Keeps 20 MB in memory and counts, for as long as they are what they were. */
const neighbour = [
  'head -c 20000000 /dev/urandom > /dev/shm/kept; sum=$(md5sum /dev/shm/kept); n=0',
  'while [ "$(md5sum /dev/shm/kept)" = "$sum" ]; do n=$((n + 1)); echo $n; sleep 0.1; done',
].join('; ');

const hungry = ['tail', '-c', '200000000', '/dev/zero'];

describe('a container that takes more memory than its limit', () => {
  requires('root', 'overlay', 'tool:busybox', 'cgroup:memory');
  const neighbours = ['one', 'two'];
  let cli: Tsbuild;

  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    for (const name of neighbours)
      await cli.ok(['run', '-d', '--name', name, '-m', '64m', 'busybox:1', 'sh', '-c', neighbour]);
    return async () => cli.ok(['rm', '-f', ...neighbours]);
  });

  const inspect = async (...names: readonly string[]): Promise<readonly Inspected[]> =>
    JSON.parse(await cli.ok(['inspect', ...names])) as readonly Inspected[];
  const counts = async (): Promise<readonly number[]> =>
    Promise.all(neighbours.map(async (name) => Number(await cli.ok(['logs', '--tail', '1', name]))));

  /** Both have counted on since `before`, in the same processes, with all that they have in memory. */
  async function expectUndisturbed(before: readonly Inspected[]): Promise<void> {
    const from = await counts();
    for (;;) {
      const now = await counts();
      if (now.every((count, index) => count > (from[index] ?? 0) + 2)) break;
      await sleep(50);
    }
    const after = await inspect(...neighbours);
    expect(after.map(({ State }) => State)).toEqual(before.map(({ State }) => State));
    expect(after).toMatchObject(
      neighbours.map(() => ({
        RestartCount: 0,
        State: { Status: 'running', OOMKilled: false, ExitCode: 0 },
      })),
    );
  }

  async function started(): Promise<readonly Inspected[]> {
    while ((await counts()).includes(0)) await sleep(50);
    return inspect(...neighbours);
  }

  it('S-19 C-22 is killed alone: 137, OOMKilled, and its neighbours go on', async () => {
    const before = await started();
    const limit = ['-m', '32m', '--memory-swap', '32m'];
    await cli.ok(['run', '-d', '--name', 'hungry', ...limit, 'busybox:1', ...hungry]);
    expect(await cli.ok(['wait', 'hungry'])).toBe('137');
    expect(await inspect('hungry')).toMatchObject([
      {
        HostConfig: { Memory: 32 * MiB, MemorySwap: 32 * MiB },
        State: { Status: 'exited', OOMKilled: true, ExitCode: 137, Pid: 0, Dead: false },
      },
    ]);
    const [row] = (await cli.ok(['ps', '-a', '--filter', 'name=hungry', '--format', 'json'])).split('\n');
    expect(JSON.parse(row ?? '')).toMatchObject({
      State: 'exited',
      Status: expect.stringMatching(/^Exited \(137\)/) as string,
    });
    await expectUndisturbed(before);

    // Whoever is there when it happens is told the limit.
    expect(await cli.run(['start', '-a', 'hungry'])).toMatchObject({
      status: 137,
      stderr: 'warning: a process was killed for lack of memory: the limit is 32 MiB (-m 32m)\n',
    });
    expect(await cli.run(['run', '--rm', ...limit, 'busybox:1', ...hungry])).toMatchObject({
      status: 137,
      stderr: 'warning: a process was killed for lack of memory: the limit is 32 MiB (-m 32m)\n',
    });
    await cli.ok(['rm', 'hungry']);
    await expectUndisturbed(before);
  });

  it('S-19 C-22 loses what is too much and goes on itself, when that is not its first process', async () => {
    const before = await started();
    const script = `${hungry.join(' ')}; echo $?; sleep 1000; true`;
    const argv = ['run', '-d', '--name', 'partly', '-m', '32m', '--memory-swap', '32m', 'busybox:1'];
    await cli.ok([...argv, 'sh', '-c', script]);
    while ((await cli.ok(['logs', 'partly'])) !== '137') await sleep(50);
    const [{ State }] = (await inspect('partly')) as [Inspected];
    expect(State).toMatchObject({ Status: 'running', ExitCode: 0 });
    await expectUndisturbed(before);
    await cli.ok(['stop', '-t', '0', 'partly']);
    expect(await inspect('partly')).toMatchObject([{ State: { OOMKilled: true, ExitCode: 137 } }]);
    await cli.ok(['rm', 'partly']);
  });
});
