import { once } from 'node:events';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface PsRow {
  readonly ID: string;
  readonly Image: string;
  readonly Command: string;
  readonly State: string;
  readonly Status: string;
  readonly Names: string;
}

describe('commands about containers', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  /** Starts a detached container with this shell script and gives its id. */
  const start = (name: string, script: string, ...flags: readonly string[]): Promise<string> =>
    cli.ok(['run', '-d', '--name', name, ...flags, 'busybox:1', 'sh', '-c', script]);

  /** Signals that come before the program has set its traps are lost. */
  const isUp = (name: string): Promise<void> => expect.poll(() => cli.ok(['logs', name])).toBe('up');

  async function ps(...flags: readonly string[]): Promise<readonly PsRow[]> {
    const text = await cli.ok(['ps', '--format', 'json', ...flags]);
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as PsRow]));
  }

  /** Ends at once on SIGTERM, which process 1 without a handler would ignore. */
  const obedient = 'trap "exit 0" TERM; while :; do sleep 0.05; done';

  it('C-71 ps lists what runs, with -a what ran, as a table and as json', async () => {
    const id = await start('listed', obedient);
    await cli.ok(['run', '--name', 'ended', 'busybox:1', 'true']);
    expect(await ps()).toMatchObject(
      [
        {
          ID: id.slice(0, 12),
          Image: 'busybox:1',
          State: 'running',
          Names: 'listed',
          Status: /^Up \d+ seconds?$/,
        },
      ].map((row) => ({ ...row, Status: expect.stringMatching(row.Status) as string })),
    );
    const all = await ps('-a');
    expect(all.map(({ Names, State }) => [Names, State])).toEqual([
      ['ended', 'exited'],
      ['listed', 'running'],
    ]);
    expect(all[0]?.Status).toMatch(/^Exited \(0\) \d+ seconds? ago$/);
    expect(all[1]?.Command).toBe('"sh -c trap "exit 0"…"');
    const table = (await cli.ok(['ps', '--all'])).split('\n');
    expect(table[0]).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/);
    expect(table).toHaveLength(3);
    expect(await cli.ok(['ps', '-q'])).toBe(id.slice(0, 12));
    expect(await cli.ok(['ps', '-q', '--no-trunc'])).toBe(id);
    await cli.ok(['rm', '-f', 'listed', 'ended']);
    expect(await cli.ok(['ps', '-a', '-q'])).toBe('');
  });

  it('C-71 takes names, ids and prefixes of ids', async () => {
    const id = await start('named', 'sleep 100');
    for (const name of ['named', id, id.slice(0, 12), id.slice(0, 5)])
      expect(await cli.ok(['inspect', name, '--format', 'json'])).toContain(id);
    const wrong = await cli.run(['stop', 'namde']);
    expect(wrong).toMatchObject({ status: 1, stdout: '' });
    expect(wrong.stderr).toBe(
      'tsbuild: no such container: namde [CONTAINER_NOT_FOUND]\n  hint: did you mean named?\n',
    );
    await cli.ok(['rm', '-f', id.slice(0, 12)]);
  });

  it('C-71 a prefix that several ids have is refused', async () => {
    // 17 ids cannot all begin differently.
    const ids = await Promise.all(Array.from({ length: 17 }, () => cli.run(['run', 'busybox:1', 'true'])));
    expect(ids.every(({ status }) => status === 0)).toBe(true);
    const all = (await cli.ok(['ps', '-a', '-q', '--no-trunc'])).split('\n');
    const digit =
      '0123456789abcdef'.split('').find((one) => all.filter((id) => id.startsWith(one)).length > 1) ?? '';
    const { status, stderr } = await cli.run(['rm', digit]);
    expect(status).toBe(1);
    expect(stderr).toContain(`several containers have ids that begin with ${digit}`);
    await cli.ok(['rm', ...all]);
  });

  it('C-71 stop lets a program end in its own way', async () => {
    await start('polite', 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.05; done');
    await isUp('polite');
    expect(await cli.ok(['stop', '-t', '60', 'polite'])).toBe('polite');
    expect(await cli.ok(['logs', 'polite'])).toBe('up\nbye');
    expect(await ps('-a')).toMatchObject([
      { State: 'exited', Status: expect.stringMatching(/^Exited \(5\)/) as string },
    ]);
    // Stopped is stopped.
    expect(await cli.ok(['stop', 'polite'])).toBe('polite');
    await cli.ok(['rm', 'polite']);
  });

  it('C-71 stop kills after the grace, and not before', async () => {
    await start('stubborn', 'trap "" TERM; while :; do sleep 0.05; done');
    const before = Date.now();
    await cli.ok(['stop', '-t', '1', 'stubborn']);
    expect(Date.now() - before).toBeGreaterThanOrEqual(1000);
    expect(await cli.ok(['wait', 'stubborn'])).toBe('137');
    await cli.ok(['rm', 'stubborn']);
    for (const time of ['-1', 'x', '', '1.5'])
      expect(await cli.run(['stop', `--time=${time}`, 'x'])).toMatchObject({ status: 2 });
  });

  it('L-198 C-71 stop sends the signal that the image names', async () => {
    const dockerfile = 'FROM busybox:1\nSTOPSIGNAL SIGUSR1\n';
    await cli.ok(['build', '-t', 'usr1', makeContext({ Dockerfile: dockerfile })]);
    const script = 'trap "exit 10" USR1; trap "exit 15" TERM; echo up; while :; do sleep 0.05; done';
    await cli.ok(['run', '-d', '--name', 'usr1', 'usr1', 'sh', '-c', script]);
    await isUp('usr1');
    await cli.ok(['stop', '-t', '60', 'usr1']);
    expect(await cli.ok(['wait', 'usr1'])).toBe('10');
    await cli.ok(['rm', 'usr1']);
  });

  it('C-71 kill sends SIGKILL, or the signal that is asked for', async () => {
    await start('killed', 'trap "echo hup" HUP; while :; do sleep 0.05; done');
    // The trap is set by a program that may not have come so far.
    await expect
      .poll(async () => {
        await cli.ok(['kill', '-s', 'HUP', 'killed']);
        return cli.ok(['logs', 'killed']);
      })
      .toMatch(/^hup/);
    expect((await ps()).length).toBe(1);
    await cli.ok(['kill', 'killed']);
    expect(await cli.ok(['wait', 'killed'])).toBe('137');
    const again = await cli.run(['kill', 'killed']);
    expect(again).toMatchObject({ status: 1, stdout: '' });
    expect(again.stderr).toMatch(/^tsbuild: the container is not running \[CONTAINER_STATE\]/);
    expect(await cli.run(['kill', '-s', 'NOPE', 'killed'])).toMatchObject({ status: 2 });
    await cli.ok(['rm', 'killed']);
  });

  it('C-71 wait prints the exit status of each when it has ended', async () => {
    await start('three', 'sleep 0.5; exit 3');
    await start('four', 'exit 4');
    const waiting = cli.run(['wait', 'three', 'four', 'nobody']);
    expect(await waiting).toMatchObject({ status: 1, stdout: '3\n4\n' });
    // What waited for the end finds all of its traces: nothing races with it.
    await cli.ok(['rm', 'three', 'four']);
  });

  it('C-71 wait works for one that removes itself', async () => {
    const { path } = tempFolder('fleeting');
    const script = 'while test ! -e /s/go; do sleep 0.05; done; exit 6';
    const id = await start('fleeting', script, '--rm', '-v', `${path}:/s`);
    const child = cli.start(['wait', id]);
    const answered = text(child.stdout ?? process.stdin);
    // Beside the three that are its standard streams it has a socket when it waits.
    const sockets = (): number =>
      readdirSync(`/proc/${child.pid}/fd`).filter((fd) =>
        linkOf(`/proc/${child.pid}/fd/${fd}`).startsWith('socket:'),
      ).length;
    await expect.poll(sockets).toBe(4);
    writeFileSync(join(path, 'go'), '');
    expect(await answered).toBe('6\n');
    expect(readdirSync(join(cli.root, 'containers'))).not.toContain(id);
    expect(await ps('-a')).toEqual([]);
  });

  it('C-71 rm refuses what runs, removes it with -f, and does the others in any case', async () => {
    await start('busy', 'sleep 100');
    await cli.ok(['run', '--name', 'idle', 'busybox:1', 'true']);
    const { status, stdout, stderr } = await cli.run(['rm', 'busy', 'nobody', 'idle']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: 'idle\n' });
    expect(stderr).toContain('tsbuild: container busy is running [CONTAINER_STATE]\n  hint: stop it first');
    expect(stderr).toContain('no such container: nobody');
    expect(await cli.ok(['rm', '-f', 'busy'])).toBe('busy');
    expect(readdirSync(join(cli.root, 'containers'))).toEqual([]);
  });

  it('C-71 a container in the foreground is listed, signalled, stopped and waited for as well', async () => {
    const child = cli.start(['run', '--name', 'front', 'busybox:1', 'sh', '-c', `echo up; ${obedient}`]);
    const said = text(child.stderr ?? Readable.from([]));
    const ended = once(child, 'exit');
    const first = await Promise.race([once(child.stdout ?? child, 'data'), ended.then(() => said)]);
    expect(String(first)).toBe('up\n');
    expect(await ps()).toMatchObject([{ Names: 'front', State: 'running' }]);
    const waiting = cli.ok(['wait', 'front']);
    await cli.ok(['stop', 'front']);
    expect(await ended).toEqual([0, null]);
    expect(await waiting).toBe('0');
    await cli.ok(['rm', 'front']);
  });

  it('C-71 inspect shows a container under docker’s names', async () => {
    const argv = [
      '-m',
      '64m',
      '--pids-limit',
      '50',
      '-v',
      `${cli.root}:/mnt:ro`,
      '-w',
      '/tmp',
      '-u',
      'ada',
      '-e',
      'A=b',
    ];
    const id = await start(
      'seen',
      'sleep 100',
      ...argv,
      '--hostname',
      'seen',
      '--network',
      'none',
      '--read-only',
    );
    const [found] = JSON.parse(await cli.ok(['inspect', 'seen'])) as [
      { State: { Pid: number }; Config: { Env: string[] } },
    ];
    expect(found).toMatchObject({
      Id: id,
      Name: '/seen',
      Path: 'sh',
      Args: ['-c', 'sleep 100'],
      State: {
        Status: 'running',
        Running: true,
        Dead: false,
        ExitCode: 0,
        FinishedAt: '0001-01-01T00:00:00Z',
      },
      Config: { Hostname: 'seen', User: '1000:1000', WorkingDir: '/tmp', Image: 'busybox:1', Tty: false },
      HostConfig: {
        ...{
          Memory: 64 * 2 ** 20,
          PidsLimit: 50,
          NetworkMode: 'none',
          ReadonlyRootfs: true,
          AutoRemove: false,
        },
        ...{ Binds: [`${cli.root}:/mnt:ro`], ShmSize: 64 * 2 ** 20 },
      },
      Mounts: [{ Type: 'bind', Source: cli.root, Destination: '/mnt', RW: false }],
    });
    expect(found.Config.Env).toContain('A=b');
    expect(found.State.Pid).toBeGreaterThan(1);
    await cli.ok(['kill', 'seen']);
    await cli.ok(['wait', 'seen']);
    const [after] = JSON.parse(await cli.ok(['inspect', 'seen'])) as [{ State: object }];
    expect(after.State).toMatchObject({
      Status: 'exited',
      Running: false,
      Pid: 0,
      ExitCode: 137,
      OOMKilled: false,
    });
    await cli.ok(['rm', 'seen']);
  });

  it('C-71 commands on an empty store say so', async () => {
    const empty = tsbuild();
    expect(await empty.ok(['ps', '-a'])).toMatch(/^CONTAINER ID +IMAGE[^\n]*$/);
    expect(await empty.ok(['ps', '-a', '--format', 'json'])).toBe('');
    for (const command of ['stop', 'kill', 'wait', 'rm', 'logs'])
      expect(await empty.run([command, 'x'])).toMatchObject({ status: 1, stdout: '' });
  });
});

/** Empty for a descriptor that was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
