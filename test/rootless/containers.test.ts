import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ordinaryUser, type OrdinaryUser } from '../support/as-user.ts';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { requires } from '../support/requires.ts';

const host = ['--network', 'host'];

describe('containers of an ordinary user', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:setpriv', 'tool:newuidmap');
  let user: OrdinaryUser;
  let cli: Tsbuild;
  beforeAll(async () => {
    user = ordinaryUser();
    cli = await tsbuildWithBusybox(user.store, user.through);
  });
  afterAll(async () => {
    const ids = await cli.ok(['ps', '-aq']);
    if (ids !== '') await cli.ok(['rm', '-f', ...ids.split('\n')]);
  });

  const inside = async (name: string, script: string): Promise<string> =>
    cli.ok(['exec', name, 'sh', '-c', script]);

  it('R-54 are found by every later command: exec, cp, diff, top, commit, stop', async () => {
    await cli.ok(['run', '-d', '--name', 'one', ...host, 'busybox:1', 'sleep', '1000']);
    await cli.ok(['run', '-d', '--name', 'two', ...host, 'busybox:1', 'sleep', '1000']);
    expect(await inside('one', 'readlink /proc/self/ns/user')).toBe(
      await inside('two', 'readlink /proc/self/ns/user'),
    );
    await inside('two', 'echo hello > /made && chown 1000:50 /made');
    expect(await cli.ok(['exec', '-u', 'ada', 'two', 'stat', '-c', '%u:%g', '/made'])).toBe('1000:50');
    expect(await cli.ok(['diff', 'two'])).toBe('A /made');
    await cli.ok(['cp', 'two:/made', join(user.home, 'out')]);
    expect(readFileSync(join(user.home, 'out'), 'utf8')).toBe('hello\n');
    await cli.ok(['cp', join(user.home, 'out'), 'one:/in']);
    expect(await inside('one', 'cat /in; stat -c %u /in')).toBe('hello\n0');
    expect(await cli.ok(['top', 'one'])).toMatch(/sleep 1000$/);
    expect(await cli.ok(['ps'])).toMatch(/ two\n[^\n]* one$/);
    const committed = await cli.run(['commit', 'two', 'kept']);
    expect(committed).toMatchObject({ status: 0 });
    expect(committed.stderr).toMatch(/^warning: the container runs on while its files are read: pausing/);
    expect((await cli.run(['commit', '--pause=true', 'two'])).stderr).toContain('[LIMIT_UNAVAILABLE]');
    expect(await cli.ok(['run', '--rm', ...host, 'kept', 'cat', '/made'])).toBe('hello');
    await cli.ok(['stop', '-t', '1', 'one']);
    // The first holder of the namespaces is gone; the other one holds them.
    expect(await inside('two', 'cat /made')).toBe('hello');
    await cli.ok(['start', 'one']);
    expect(await inside('one', 'cat /in')).toBe('hello');
    expect(await inside('one', 'readlink /proc/self/ns/user')).toBe(
      await inside('two', 'readlink /proc/self/ns/user'),
    );
    await cli.ok(['rm', '-f', 'one', 'two']);
  });

  it('R-54 started at the same time have the same namespaces', async () => {
    const names = ['n1', 'n2', 'n3', 'n4'];
    await Promise.all(
      names.map((name) => cli.ok(['run', '-d', '--name', name, ...host, 'busybox:1', 'sleep', '1000'])),
    );
    const namespaces = [];
    for (const name of names) namespaces.push(await inside(name, 'readlink /proc/self/ns/user'));
    expect(new Set(namespaces).size).toBe(1);
    await cli.ok(['rm', '-f', ...names]);
  });

  it('R-54 leave no holder behind, and the next ones get new namespaces', async () => {
    const holders = (): string[] =>
      readdirSync(join(user.runtimeFolder, 'tsbuild/namespaces')).filter((name) => name !== 'lock');
    await cli.ok(['run', '-d', '--rm', '--name', 'last', ...host, 'busybox:1', 'sleep', '1000']);
    await cli.ok(['rm', '-f', 'last']);
    await cli.ok(['run', '--rm', ...host, 'busybox:1', 'true']);
    // Files of the dead are taken away by the next who looks.
    await cli.ok(['volume', 'ls']);
    expect(holders()).toEqual([]);
  });

  it('R-54 the command is one process, from its start to its end', async () => {
    const child = cli.start(['run', '--rm', '--name', 'signalled', ...host, 'busybox:1', 'sh', '-c', trap]);
    const lines: string[] = [];
    child.stdout?.setEncoding('latin1').on('data', (text: string) => lines.push(text));
    while (!lines.join('').includes('ready')) await once(child.stdout ?? child, 'data');
    expect(readlinkSync(`/proc/${child.pid ?? 0}/exe`)).toMatch(/\/node$/);
    expect(
      readFileSync(`/proc/${child.pid ?? 0}/uid_map`, 'latin1')
        .trim()
        .split(/\s+/),
    ).toEqual(['0', String(user.uid), '1', '1', '3000000', '65536']);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([7, null]);
    expect(lines.join('')).toBe('ready\ncaught\n');
  });

  it('R-54 have the caller’s terminal, working directory and exit status', async () => {
    const folder = join(user.home, 'here');
    mkdirSync(folder);
    const { status } = await cli.run(['run', '--rm', ...host, 'busybox:1', 'sh', '-c', 'exit 42'], {
      cwd: folder,
    });
    expect(status).toBe(42);
    const shown = await cli.ok(['run', '--rm', ...host, '-v', '.:/w', 'busybox:1', 'ls', '-d', '/w'], {
      cwd: user.home,
    });
    expect(shown).toBe('/w');
  });

  it('R-72 devices are the host’s, bound from where they are there', async () => {
    const device = ['--device', '/dev/zero:/dev/other:r'];
    const script =
      'head -c 2 /dev/other | od -An -tx1; [ -c /dev/null ] && echo > /dev/null && stat -c %t,%T /dev/other';
    expect(await cli.ok(['run', '--rm', ...host, ...device, 'busybox:1', 'sh', '-c', script])).toBe(
      ' 00 00\n1,5',
    );
  });

  it('R-72 nobody in them makes device nodes, also with every capability', async () => {
    const { status, stderr } = await cli.run([
      'run',
      '--rm',
      ...host,
      '--privileged',
      'busybox:1',
      'mknod',
      '/x',
      'c',
      '1',
      '3',
    ]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'mknod: /x: Operation not permitted\n' });
  });

  it('R-63 limits that cannot be kept are an error', async () => {
    const { status, stderr } = await cli.run(['run', '--rm', ...host, '-m', '50m', 'busybox:1', 'true']);
    expect(status).toBe(125);
    expect(stderr).toMatch(
      /^tsbuild: memory\.limit needs a cgroup, and .* \[LIMIT_UNAVAILABLE\]\n {2}hint: /,
    );
  });
});

const trap = `trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.1; done`;
