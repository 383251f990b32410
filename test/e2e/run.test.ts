import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('tsbuild run', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it.each([
    { argv: ['true'], status: 0, why: 'the process succeeds' },
    { argv: ['sh', '-c', 'exit 3'], status: 3, why: 'the process fails' },
    { argv: ['no-such-program'], status: 127, why: 'the program is not found' },
    { argv: ['/etc/passwd'], status: 126, why: 'the program is not executable' },
    { argv: ['/tmp'], status: 126, why: 'the program is a folder' },
  ])('R-33 C-71 ends with $status when $why', async ({ argv, status }) => {
    expect((await cli.run(['run', '--rm', 'busybox:1', ...argv])).status).toBe(status);
  });

  it('R-33 ends with 125 when it fails itself', async () => {
    expect((await cli.run(['run', '--rm', '--name', '../x', 'busybox:1', 'true'])).status).toBe(125);
    expect((await cli.run(['run', '--rm', '127.0.0.1:1/none', 'true'])).status).toBe(125);
  });

  it('R-33 ends with 128 + n when signal n kills the process, and passes signals on', async () => {
    const started = (script: string): ReturnType<Tsbuild['start']> =>
      cli.start(['run', '--rm', 'busybox:1', 'sh', '-c', script]);
    const trapping = started('trap "exit 7" TERM; echo ready; while :; do sleep 0.1; done');
    await once(trapping.stdout ?? trapping, 'data');
    trapping.kill('SIGTERM');
    expect(await once(trapping, 'exit')).toEqual([7, null]);
    // A process 1 ignores signals that it has no handler for; its child does not.
    const killed = started('sh -c "kill -USR1 \\$\\$"; code=$?; echo $code; exit $code');
    expect(await once(killed, 'exit')).toEqual([138, null]);
  });

  it('passes standard input on, and keeps the two outputs apart', async () => {
    const input = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256));
    const echoed = await cli.run(['run', '--rm', '-i', 'busybox:1', 'cat'], { input });
    expect(echoed.stdoutBytes.equals(input)).toBe(true);
    const both = await cli.run(['run', '--rm', 'busybox:1', 'sh', '-c', 'echo out; echo err >&2; cat']);
    expect(both).toMatchObject({ status: 0, stdout: 'out\n', stderr: 'err\n' });
  });

  it('S-02 gives the process pipes, never the files that its input and output go to', async () => {
    const { path } = tempFolder('redirected');
    const [input, output] = [join(path, 'in'), join(path, 'out')];
    writeFileSync(input, 'kept', { mode: 0o600 });
    const script = 'cat; chmod 4777 /proc/self/fd/0 /proc/self/fd/1; (echo X > /proc/self/fd/0) 2> /dev/null';
    const line = `"${tsbuildProgram}" --root "${cli.root}" run --rm -i busybox:1 sh -c '${script}' < "${input}" > "${output}"`;
    await runOk(['sh', '-c', `umask 077; ${line}`]);
    expect(readFileSync(output, 'utf8')).toBe('kept');
    expect(readFileSync(input, 'utf8')).toBe('kept');
    expect([input, output].map((file) => statSync(file).mode & 0o7777)).toEqual([0o600, 0o600]);
  });

  it('lets a user that is not root open its own output', async () => {
    const script = 'echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin';
    const both = await cli.run(['run', '--rm', '-i', '-u', '1234', 'busybox:1', 'sh', '-c', script], {
      input: 'in',
    });
    expect(both).toMatchObject({ status: 0, stdout: 'out\nin', stderr: 'err\n' });
  });

  it('gives a real terminal with its size', async () => {
    const inside = `${tsbuildProgram} --root ${cli.root} run --rm -t busybox:1 sh -c 'tty; stty size; test -t 2 && echo yes'`;
    const { path } = tempFolder('terminal');
    await runOk(['script', '-qefc', `stty rows 33 cols 101; ${inside}`, join(path, 'log')]);
    const log = readFileSync(join(path, 'log'), 'utf8');
    // Without -i the outer terminal is not raw, and adds a carriage return of its own.
    expect(log).toMatch(/\/dev\/(pts\/0|console)\r*\n33 101\r*\nyes\r*\n/);
  });

  it('L-192 joins entrypoint and command as the image and the flags say', async () => {
    const dockerfile = 'FROM busybox:1\nENTRYPOINT ["echo", "entry"]\nCMD ["from", "image"]\n';
    await cli.ok(['build', '-t', 'entry', makeContext({ Dockerfile: dockerfile })]);
    expect(await cli.ok(['run', '--rm', 'entry'])).toBe('entry from image');
    expect(await cli.ok(['run', '--rm', 'entry', 'given'])).toBe('entry given');
    expect(await cli.ok(['run', '--rm', '--entrypoint', 'echo', 'entry', 'other'])).toBe('other');
  });

  it('sets user, folder, environment, host name and mounts as told', async () => {
    const { path } = tempFolder('mounts');
    mkdirSync(join(path, 'shared'));
    writeFileSync(join(path, 'shared/file'), 'from outside\n');
    writeFileSync(join(path, 'env'), 'FROM_FILE=read\n# comment\n');
    const flags = ['-u', 'ada', '-w', '/tmp', '-e', 'GIVEN=1', '-e', 'PASSED', '--hostname', 'lovelace']
      .concat(['--env-file', join(path, 'env'), '-v', `${path}/shared:/mnt/deep:ro`])
      .concat(['--read-only', '--network', 'none']);
    const script = [
      'id -u; id -G; pwd; hostname; echo $GIVEN $PASSED $FROM_FILE $HOME',
      'cat /mnt/deep/file',
      'touch /mnt/deep/x 2>/dev/null || echo bind is read-only',
      'touch /tmp/x 2>/dev/null || echo root is read-only',
      'ls /sys/class/net',
    ].join('; ');
    const env = { ...process.env, PASSED: 'on' };
    const output = await cli.ok(['run', '--rm', ...flags, 'busybox:1', 'sh', '-c', script], { env });
    expect(output.split('\n')).toEqual([
      ...['1000', '1000 50', '/tmp', 'lovelace', '1 on read /tmp'],
      ...['from outside', 'bind is read-only', 'root is read-only', 'lo'],
    ]);
  });

  it('R-18 gives the process no descriptor but its three', async () => {
    // The process is ls itself, which holds the folder open.
    expect((await cli.run(['run', '--rm', 'busybox:1', 'ls', '/proc/1/fd'])).stdout).toBe('0\n1\n2\n3\n');
  });

  it('C-22 applies limits that the process can see', async () => {
    requires('cgroup:memory', 'cgroup:pids');
    const flags = ['-m', '64m', '--pids-limit', '20', '--ulimit', 'nofile=99:100', '--shm-size', '1m'];
    const script = 'ulimit -n; ulimit -Hn; df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2';
    expect(await cli.ok(['run', '--rm', ...flags, 'busybox:1', 'sh', '-c', script])).toBe('99\n100\n1024');
    // 64 MB are too few for a string of 100 MB; the kernel kills the process for it.
    const hungry = ['sh', '-c', 'head -c 100000000 /dev/zero | tail | wc -c; exit 0'];
    expect(await cli.ok(['run', '--rm', ...flags, 'busybox:1', ...hungry])).toBe('0');
  });

  it('starts in the background with -d and prints the id', async () => {
    const { path } = tempFolder('detached');
    const argv = [
      'run',
      '-d',
      '--rm',
      '-v',
      `${path}:/out`,
      'busybox:1',
      'sh',
      '-c',
      'echo done > /out/done',
    ];
    const id = await cli.ok(argv);
    expect(id).toMatch(/^[0-9a-f]{12,64}$/);
    await expect.poll(() => readFileSync(join(path, 'done'), 'utf8')).toBe('done\n');
  });

  it('does not wait for a terminal’s input that nobody gives', async () => {
    const child = cli.start(['run', '--rm', 'busybox:1', 'echo', 'hi']);
    expect(await text(child.stdout ?? process.stdin)).toBe('hi\n');
    expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(0);
  });
});
