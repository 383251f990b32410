import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { socketPath } from '../../src/cli/container/protocol.ts';
import { tryFlock } from '../../src/sys/index.ts';
import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { allGone, holdingsOf, sleeper, until } from '../support/holdings.ts';
import { monitorOf } from '../support/monitor.ts';
import { requires } from '../support/requires.ts';
import { processesOf } from '../support/run-folder.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface PsRow {
  readonly ID: string;
  readonly State: string;
  readonly Status: string;
  readonly Names: string;
}

async function ps(cli: Tsbuild): Promise<readonly PsRow[]> {
  const text = await cli.ok(['ps', '-a', '--format', 'json']);
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as PsRow]));
}

/** Fourth to sixth field of /proc/PID/stat: parent, group and session. */
function sessionOf(pid: number): {
  readonly parent: number;
  readonly session: number;
  readonly terminal: number;
} {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return { parent: Number(fields[1]), session: Number(fields[3]), terminal: Number(fields[4]) };
}

describe('the monitor of a detached container', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it('C-71 is in a session of its own, without a terminal, and holds nothing of who started it', async () => {
    const { path } = tempFolder('held');
    const log = join(path, 'log');
    const command = `exec 9>"$2"; "$0" --root "$1" run -d --name own busybox:1 sleep 1000`;
    const child = spawn('sh', ['-c', command, tsbuildProgram, cli.root, log], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let id = '';
    child.stdout.on('data', (chunk: Buffer) => (id += chunk.toString()));
    await once(child, 'close');
    const pid = monitorOf(id.trim());
    expect(sessionOf(pid)).toMatchObject({ session: pid, terminal: 0 });
    expect(readFileSync(`/proc/${pid}/cmdline`, 'latin1')).toContain(cli.root);
    await cli.ok(['rm', '-f', 'own']);
    await until(() => !existsSync(`/proc/${pid}`));
  });

  it('C-71 serves a store whose path is longer than a socket’s may be', async () => {
    const { path } = tempFolder('long');
    const deep = join(path, 'x'.repeat(80), 'y'.repeat(80));
    mkdirSync(deep, { recursive: true });
    const long = await tsbuildWithBusybox(deep);
    await long.ok(['run', '-d', '--name', 'deep', 'busybox:1', 'sh', '-c', 'echo hi; exec sleep 1000']);
    expect(await ps(long)).toMatchObject([{ Names: 'deep', State: 'running' }]);
    await expect.poll(() => long.ok(['logs', 'deep'])).toBe('hi');
    await long.ok(['stop', '-t', '0', 'deep']);
    expect(await long.ok(['wait', 'deep'])).toBe('137');
  });

  it('S-70 killed, it takes the container along, and ps -a tells Dead', async () => {
    const program = sleeper();
    const id = await cli.ok(['run', '-d', '--name', 'dead', '-m', '64m', 'busybox:1', ...program.argv]);
    const held = holdingsOf(await until(program.pid));
    expect(held.cgroups.length).toBeGreaterThan(0);
    process.kill(monitorOf(id), 'SIGKILL');
    await allGone(held);
    await until(() => processesOf(cli.root).length === 0);
    expect(await ps(cli)).toMatchObject([{ Names: 'dead', State: 'dead', Status: 'Dead' }]);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(cli.root);
    const [found] = JSON.parse(await cli.ok(['inspect', 'dead'])) as [{ State: object }];
    expect(found.State).toMatchObject({ Status: 'dead', Dead: true, Running: false, ExitCode: 137 });
    expect(await cli.ok(['wait', 'dead'])).toBe('137');
    expect(await cli.ok(['stop', 'dead'])).toBe('dead');
    expect(await cli.run(['kill', 'dead'])).toMatchObject({ status: 1 });
    await cli.ok(['rm', 'dead']);
    expect(await ps(cli)).toEqual([]);
  });

  it('S-70 killed with --rm, its files go with the next command', async () => {
    const program = sleeper();
    const script = `mkdir -p /a/b; echo x > /a/b/c; exec ${program.line}`;
    const id = await cli.ok(['run', '-d', '--rm', 'busybox:1', 'sh', '-c', script]);
    const held = holdingsOf(await until(program.pid));
    process.kill(monitorOf(id), 'SIGKILL');
    await allGone(held);
    expect(readdirSync(join(cli.root, 'containers'))).toEqual([id]);
    expect(await ps(cli)).toEqual([]);
    expect(readdirSync(join(cli.root, 'containers'))).toEqual([]);
  });

  it('S-70 a killed run in the foreground leaves no process, cgroup or mount', async () => {
    const [behind, program] = [sleeper(), sleeper()];
    const script = `${behind.line} & ${program.line}`;
    const child = cli.start(['run', '--name', 'front', '-m', '64m', 'busybox:1', 'sh', '-c', script]);
    const held = holdingsOf(await until(program.pid));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await allGone(held);
    expect(behind.pid()).toBeUndefined();
    await until(() => processesOf(cli.root).length === 0);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(cli.root);
    expect(await ps(cli)).toMatchObject([{ Names: 'front', State: 'dead' }]);
    await cli.ok(['rm', '-f', 'front']);
  });

  it('S-70 what was killed while it prepared a container is swept away', async () => {
    const folder = join(cli.root, 'containers', 'ab'.repeat(32));
    mkdirSync(join(folder, 'fs'), { recursive: true });
    writeFileSync(join(folder, 'hosts'), '');
    const damaged = join(cli.root, 'containers', 'cd'.repeat(32));
    mkdirSync(damaged);
    writeFileSync(join(damaged, 'container.json'), '');
    await cli.ok(['run', '--rm', 'busybox:1', 'true']);
    expect([existsSync(folder), existsSync(damaged)]).toEqual([false, true]);
    rmSync(damaged, { recursive: true });
  });

  it('S-70 what a killed run had made and not yet started goes with its volumes, unless that run still lives', async () => {
    const volumes = (): readonly string[] => readdirSync(join(cli.root, 'volumes'));
    const [waiting, abandoned] = [
      await cli.ok(['create', '-v', '/of-waiting', 'busybox:1', 'true']),
      await cli.ok(['create', '-v', '/of-abandoned', 'busybox:1', 'true']),
    ].map((id) => join(cli.root, 'containers', id)) as [string, string];
    for (const folder of [waiting, abandoned]) writeFileSync(join(folder, 'starting'), '');
    expect(volumes()).toHaveLength(2);
    const held = tryFlock(join(waiting, 'starting'));
    expect(held).toBeDefined();
    await cli.ok(['ps']);
    expect([waiting, abandoned].map((folder) => existsSync(folder))).toEqual([true, false]);
    expect(volumes()).toHaveLength(1);
    held?.release();
    await cli.ok(['rm', '-v', basename(waiting)]);
    expect(volumes()).toEqual([]);
  });

  it('S-70 volumes of a container that never became one are swept with it', async () => {
    const [id, name] = ['ef'.repeat(32), '12'.repeat(32)];
    await cli.ok(['volume', 'create', name]);
    mkdirSync(join(cli.root, 'containers', id));
    writeFileSync(
      join(cli.root, 'containers', id, 'volumes'),
      `${name}\n${'34'.repeat(32)}\n${'5'.repeat(9)}`,
    );
    await cli.ok(['ps']);
    expect(readdirSync(join(cli.root, 'volumes'))).toEqual([]);
    expect(existsSync(join(cli.root, 'containers', id))).toBe(false);
  });

  it('C-71 told to end by the system, it tells the program in the way the program expects', async () => {
    const script = 'trap "exit 11" TERM; echo ready; while :; do sleep 0.05; done';
    const id = await cli.ok(['run', '-d', '--name', 'shutdown', 'busybox:1', 'sh', '-c', script]);
    await expect.poll(() => cli.ok(['logs', 'shutdown'])).toBe('ready');
    process.kill(monitorOf(id), 'SIGTERM');
    expect(await cli.ok(['wait', 'shutdown'])).toBe('11');
    await cli.ok(['rm', 'shutdown']);
  });

  it.each([
    ['nope', 127, 'COMMAND_NOT_FOUND'],
    ['/etc/passwd', 126, 'COMMAND_NOT_EXECUTABLE'],
  ])('R-33 run -d of %s ends with %i and leaves nothing', async (program, status, code) => {
    const result = await cli.run(['run', '-d', '--name', 'never', 'busybox:1', program]);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toContain(`[${code}]`);
    expect(await ps(cli)).toEqual([]);
    await until(() => processesOf(cli.root).length === 0);
  });

  it('C-71 is not held up by who connects and says nothing, or nonsense; only the owner may connect', async () => {
    const { path } = tempFolder('patient');
    const script = 'while test ! -e /s/go; do sleep 0.05; done';
    const argv = ['run', '-d', '--name', 'patient', '-v', `${path}:/s`, 'busybox:1', 'sh', '-c', script];
    const folder = join(cli.root, 'containers', await cli.ok(argv));
    expect(statSync(folder).mode & 0o077).toBe(0);
    using place = socketPath(folder);
    const [nonsense, silent] = [connect(place.path), connect(place.path)];
    await Promise.all([once(nonsense, 'connect'), once(silent, 'connect')]);
    nonsense.write('nonsense\n');
    const [answer] = (await once(nonsense, 'data')) as [Buffer];
    expect(JSON.parse(answer.toString())).toMatchObject({ ok: false });
    writeFileSync(join(path, 'go'), '');
    expect(await cli.ok(['wait', 'patient'])).toBe('0');
    await until(() => processesOf(cli.root).length === 0);
    silent.destroy();
    await cli.ok(['rm', 'patient']);
  });

  it('S-72 S-78 what keeps it from starting is told as what it is', async () => {
    const broken = await tsbuildWithBusybox();
    await broken.ok(['create', '--name', 'box', 'busybox:1', 'true']);
    const runtime = join(broken.root, 'runtime');
    rmSync(runtime, { recursive: true, force: true });
    writeFileSync(runtime, '');
    const { status, stderr } = await broken.run(['start', 'box']);
    expect({ status, stderr }).toEqual({
      status: 7,
      stderr: expect.stringMatching(/^tsbuild: starting the container: ENOTDIR.* \[IO_ERROR\]\n$/) as string,
    });
  });

  it('C-71 rm -f of one that removes itself is no quarrel', async () => {
    for (const name of ['a1', 'a2', 'a3']) {
      await cli.ok(['run', '-d', '--rm', '--name', name, 'busybox:1', 'sleep', '1000']);
      expect(await cli.ok(['rm', '-f', name])).toBe(name);
    }
    expect(readdirSync(join(cli.root, 'containers'))).toEqual([]);
  });

  it('C-71 rm, stop and a natural end at the same moment agree', async () => {
    await cli.ok(['run', '-d', '--name', 'race', 'busybox:1', 'sleep', '0.3']);
    const results = await Promise.all([
      cli.run(['stop', '-t', '5', 'race']),
      cli.run(['wait', 'race']),
      cli.run(['stop', '-t', '0', 'race']),
    ]);
    for (const { status, stderr } of results) expect(status, stderr).toBe(0);
    await cli.ok(['rm', 'race']);
    expect(readdirSync(join(cli.root, 'containers'))).toEqual([]);
  });
});
