import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { sleeper, until } from '../support/holdings.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Without a program of its own, whose descriptors they would be. */
const list = 'n=0; while [ $n -lt 256 ]; do test -e /proc/$$/fd/$n && echo open $n; n=$((n+1)); done; true';
const onlyStreams = 'open 0\nopen 1\nopen 2';

/** A descriptor next to the three of every program, and one with a gap before it, which Node does not see. */
const redirections = [9, 200].map((fd) => `${fd}<"$SECRET"`).join(' ');

describe('S-02 what the caller’s shell has open', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  let secret: string;

  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    secret = join(tempFolder('secret').path, 'secret');
    writeFileSync(secret, 'secret');
  });

  afterAll(async () => {
    await cli.run(['rm', '-f', 'held', 'probed', 'attached']);
  });

  /** tsbuild, as a shell that has the secret open becomes it. */
  const argv = (args: readonly string[]): readonly string[] => [
    ...['bash', '-c', `exec ${redirections}; exec "$0" "$@"`, tsbuildProgram, '--root', cli.root],
    ...args,
  ];
  const env = (): NodeJS.ProcessEnv => {
    const { TSBUILD_ROOT: _, ...rest } = process.env;
    return { ...rest, SECRET: secret, NODE_EXTRA_CA_CERTS: undefined };
  };
  const fromShell = (...args: readonly string[]): Promise<string> => runOk(argv(args), { env: env() });

  it.each([
    ['a container’s program', []],
    ['one that a reaper started', ['--init']],
    ['one of an ordinary user', ['-u', '1234']],
    ['one with everything allowed', ['--privileged']],
  ])('is not open in %s', async (_, flags) => {
    expect(await fromShell('run', '--rm', ...flags, 'busybox:1', 'sh', '-c', list)).toBe(onlyStreams);
  });

  it('is not open in a RUN step', async () => {
    const context = makeContext({ Dockerfile: `FROM busybox:1\nRUN (${list}) > /seen\n` });
    await fromShell('build', '-q', '-t', 'seen', context);
    expect(await cli.ok(['run', '--rm', 'seen', 'cat', '/seen'])).toBe(onlyStreams);
  });

  it('is held by the command alone while its container runs', async () => {
    const inside = sleeper();
    const [program = '', ...args] = argv(['run', '--name', 'attached', 'busybox:1', ...inside.argv]);
    const child = spawn(program, args, { env: env(), stdio: 'ignore' });
    const closed = once(child, 'exit');
    await until(inside.pid);
    // Not by the launcher, which is a process of the host, and whose other half was inside before the program.
    expect(holdersOf(secret)).toEqual([String(child.pid)]);
    child.kill('SIGKILL');
    await closed;
  });

  it('is open in nothing that outlives the command, and in nothing that enters the container', async () => {
    await fromShell('run', '-d', '--name', 'held', 'busybox:1', 'sleep', '100000');
    expect(await fromShell('exec', 'held', 'sh', '-c', list)).toBe(onlyStreams);
    expect(await fromShell('exec', '--privileged', 'held', 'sh', '-c', list)).toBe(onlyStreams);
    await fromShell('exec', '-d', 'held', 'sleep', '100001');
    // Neither the monitor nor a launcher: a lock that a script holds by such a descriptor would be held by them.
    expect(holdersOf(secret)).toEqual([]);
    await fromShell('restart', '-t', '0', 'held');
    expect(holdersOf(secret)).toEqual([]);
  });

  it('is not open in a health check', async () => {
    const flags = ['--health-cmd', `(${list}) > /seen`, '--health-interval', '100ms'];
    await fromShell('run', '-d', '--name', 'probed', ...flags, 'busybox:1', 'sleep', '100000');
    const seen = (): Promise<string> => cli.ok(['exec', 'probed', 'cat', '/seen']).catch(() => '');
    await expect.poll(seen).toBe(onlyStreams);
    expect(holdersOf(secret)).toEqual([]);
  });
});

/** The processes that have a file open. */
function holdersOf(path: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => descriptorsOf(pid).includes(path));
}

function descriptorsOf(pid: string): string[] {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).map((fd) => readlinkSync(join(folder, fd)));
  } catch {
    // It has ended, or a descriptor was closed meanwhile.
    return [];
  }
}
