import { beforeAll, describe, expect, it } from 'vitest';

import { judged } from '../../src/cli/container/health.ts';
import { Restarts } from '../../src/cli/container/restarts.ts';
import { healthCheckOf, type Health, type Probe } from '../../src/ops/index.ts';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

const probe = (exitCode: number): Probe => ({ start: '', end: '', exitCode, output: '' });
const fresh: Health = { status: 'starting', failingStreak: 0, log: [] };

describe('health', () => {
  it('L-201 starts as starting, and changes by what the probes say', () => {
    const after = (...codes: readonly number[]): Health =>
      codes.reduce((health, code) => judged(health, probe(code), { early: false, retries: 3 }), fresh);
    expect(after(1, 1)).toMatchObject({ status: 'starting', failingStreak: 2 });
    expect(after(1, 1, -1)).toMatchObject({ status: 'unhealthy', failingStreak: 3 });
    expect(after(1, 1, 0, 1, 1)).toMatchObject({ status: 'healthy', failingStreak: 2 });
    expect(after(1, 1, 1, 1, 0)).toMatchObject({ status: 'healthy', failingStreak: 0 });
    expect(after(1, 2, 3, 4, 5, 6, 7).log.map(({ exitCode }) => exitCode)).toEqual([3, 4, 5, 6, 7]);
  });

  it('L-201 failures of the start period do not count, a success does', () => {
    const early = { early: true, retries: 1 };
    expect(judged(fresh, probe(1), early)).toMatchObject({ status: 'starting', failingStreak: 0 });
    expect(judged(fresh, probe(0), early)).toMatchObject({ status: 'healthy' });
  });

  it('L-201 what an image leaves out has docker’s defaults', () => {
    const check = healthCheckOf({ Test: ['CMD', 'true'], Interval: 0, Retries: 0, Timeout: 2e9 });
    expect(check).toEqual({
      ...{ test: ['CMD', 'true'], interval: 30_000, timeout: 2000 },
      ...{ startPeriod: 0, startInterval: 5000, retries: 3 },
    });
    const line = healthCheckOf({ Test: ['CMD-SHELL', 'true'] }, { shell: ['/bin/ash', '-c'] });
    expect(line).toMatchObject({ test: ['CMD-SHELL', 'true'], shell: ['/bin/ash', '-c'] });
    for (const Test of [undefined, [], ['NONE'], ['CMD']]) expect(healthCheckOf({ Test })).toBeUndefined();
  });
});

describe('restarts', () => {
  const run = (restarts: Restarts, ...ends: readonly (readonly [number, number])[]): unknown[] =>
    ends.map(([exitCode, ran]) => restarts.next(exitCode, ran));
  const often = (count: number, exitCode: number): [number, number][] =>
    Array.from({ length: count }, () => [exitCode, 0]);

  it('wait twice as long each time, at most a minute, and from the start again after a good run', () => {
    const pauses = run(new Restarts({ name: 'always' }), ...often(12, 0), [0, 10_000]);
    expect(pauses.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(pauses.slice(10)).toEqual([60_000, 60_000, 100]);
  });

  it('are as many as the policy says', () => {
    expect(run(new Restarts(undefined), [1, 0])).toEqual([undefined]);
    expect(run(new Restarts({ name: 'on-failure' }), [1, 0], [0, 0])).toEqual([100, undefined]);
    const twice = new Restarts({ name: 'on-failure', retries: 2 });
    expect(run(twice, ...often(3, 1))).toEqual([100, 200, undefined]);
    expect(twice.count).toBe(2);
    expect(run(new Restarts({ name: 'unless-stopped' }), [0, 0])).toEqual([100]);
  });
});

describe('containers that are looked after', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  interface Inspected {
    readonly State: {
      readonly Status: string;
      readonly ExitCode: number;
      readonly Health?: {
        readonly Status: string;
        readonly Log: readonly { ExitCode: number; Output: string }[];
      };
    };
    readonly RestartCount: number;
  }
  const inspect = async (name: string): Promise<Inspected> => {
    const [found] = JSON.parse(await cli.ok(['inspect', name])) as [Inspected];
    return found;
  };
  const healthOf = async (name: string): Promise<string | undefined> =>
    (await inspect(name)).State.Health?.Status;

  it('L-201 an image’s check is run in the container, by the image’s shell; ps and inspect show what it finds', async () => {
    const check = 'HEALTHCHECK --interval=100ms --retries=2 CMD echo looked by $0; test ! -e /ill';
    const context = makeContext({ Dockerfile: `FROM busybox:1\nSHELL ["/bin/ash", "-c"]\n${check}\n` });
    await cli.ok(['build', '-t', 'checked', context]);
    await cli.ok(['run', '-d', '--name', 'well', 'checked', 'sleep', '1000']);
    await expect.poll(() => healthOf('well')).toBe('healthy');
    expect(await cli.ok(['ps'])).toMatch(/Up \d+ seconds? \(healthy\)/);
    await cli.ok(['exec', 'well', 'touch', '/ill']);
    await expect.poll(() => healthOf('well')).toBe('unhealthy');
    const last = (await inspect('well')).State.Health?.Log.at(-1);
    expect(last).toMatchObject({ ExitCode: 1, Output: 'looked by /bin/ash\n' });
    await cli.ok(['rm', '-f', 'well']);
    await cli.ok(['run', '-d', '--no-healthcheck', '--name', 'unchecked', 'checked', 'sleep', '1000']);
    expect(await healthOf('unchecked')).toBeUndefined();
    await cli.ok(['rm', '-f', 'unchecked']);
  });

  it('L-201 a probe that takes too long is killed, and its output is cut', async () => {
    const flags = ['--health-interval', '100ms', '--health-timeout', '300ms', '--health-retries', '1'];
    const run = (name: string, line: string): Promise<string> =>
      cli.ok(['run', '-d', '--name', name, ...flags, '--health-cmd', line, 'busybox:1', 'sleep', '1000']);
    await run('slow', 'sleep 1000');
    await expect.poll(() => healthOf('slow')).toBe('unhealthy');
    expect((await inspect('slow')).State.Health?.Log.at(-1)?.ExitCode).toBe(-1);
    expect(await cli.ok(['top', 'slow'])).not.toMatch(/(sleep 1000.*\n?){3}/);
    await run('loud', 'yes | head -c 100000; exit 1');
    await expect.poll(() => healthOf('loud')).toBe('unhealthy');
    expect((await inspect('loud')).State.Health?.Log.at(-1)?.Output.length).toBeLessThanOrEqual(4096);
    await cli.ok(['rm', '-f', 'slow', 'loud']);
  });

  it('C-71 on-failure starts again so often, and says how often it was', async () => {
    const flags = ['--restart', 'on-failure:2', '--name', 'fails'];
    await cli.ok(['run', '-d', ...flags, 'busybox:1', 'sh', '-c', 'echo try; exit 3']);
    expect(await cli.ok(['wait', 'fails'])).toBe('3');
    expect(await cli.ok(['logs', 'fails'])).toBe('try\ntry\ntry');
    expect(await inspect('fails')).toMatchObject({
      RestartCount: 2,
      State: { Status: 'exited', ExitCode: 3 },
    });
    await cli.ok(['rm', 'fails']);
  });

  it('C-71 always starts again what was not stopped, killed or removed by name', async () => {
    const start = (name: string): Promise<string> =>
      cli.ok([
        'run',
        '-d',
        '--restart',
        'always',
        '--name',
        name,
        'busybox:1',
        'sh',
        '-c',
        'echo up; sleep 0.1',
      ]);
    await start('phoenix');
    await expect.poll(async () => (await inspect('phoenix')).RestartCount).toBeGreaterThan(2);
    await cli.ok(['stop', 'phoenix']);
    const { State, RestartCount } = await inspect('phoenix');
    expect(State.Status).toBe('exited');
    expect((await inspect('phoenix')).RestartCount).toBe(RestartCount);
    await cli.ok(['start', 'phoenix']);
    expect((await inspect('phoenix')).State.Status).toMatch(/^(running|restarting)$/);
    expect((await cli.run(['rm', 'phoenix'])).status).toBe(1);
    await cli.ok(['rm', '-f', 'phoenix']);
    expect(await cli.ok(['ps', '-aq'])).toBe('');
  });
});
