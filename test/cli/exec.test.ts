import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { sleeper, until } from '../support/holdings.ts';
import { onTerminal, type OnTerminal } from '../support/on-terminal.ts';
import { requires } from '../support/requires.ts';

describe('exec', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  const main = sleeper();
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    const flags = ['--name', 'box', '-e', 'OWN=1', '-w', '/var', '-m', '64m', '--hostname', 'boxed'];
    await cli.ok(['run', '-d', ...flags, 'busybox:1', ...main.argv]);
  });
  afterAll(async () => {
    await cli.ok(['rm', '-f', 'box']);
  });

  const sh = (script: string, ...flags: readonly string[]): Promise<string> =>
    cli.ok(['exec', ...flags, 'box', 'sh', '-c', script]);

  it('C-71 runs beside the program of the container, in all of its namespaces', async () => {
    expect(await sh('cat /proc/1/cmdline | tr "\\0" " "; hostname; pwd; echo $OWN')).toBe(
      `${main.line} boxed\n/var\n1`,
    );
    const kinds = ['pid', 'mnt', 'uts', 'ipc', 'cgroup'];
    const links = await sh(
      kinds.map((kind) => `readlink /proc/self/ns/${kind}; readlink /proc/1/ns/${kind}`).join(';'),
    );
    const lines = links.split('\n');
    for (const at of kinds.keys()) expect(lines[at * 2]).toBe(lines[at * 2 + 1]);
    expect(lines[0]).not.toBe(`pid:[${statSync('/proc/self/ns/pid').ino}]`);
  });

  it('R-16 C-71 is counted in the container’s cgroups', async () => {
    const beside = sleeper();
    const child = cli.start(['exec', 'box', ...beside.argv]);
    const [pid, first] = [await until(beside.pid), await until(main.pid)];
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toBe(readFileSync(`/proc/${first}/cgroup`, 'utf8'));
    child.kill('SIGKILL');
    await until(() => beside.pid() === undefined);
  });

  it('R-20 R-31 S-09 has the privileges of the container and no others', async () => {
    const fields = 'grep -E "^(Cap|Seccomp:|NoNewPrivs)" /proc/self/status';
    expect(await sh(fields)).toBe(await sh(fields.replace('self', '1')));
    expect(await sh('mount -t tmpfs none /mnt 2>&1 || echo refused')).toContain('refused');
    const privileged = await sh('grep -E "^(CapEff|Seccomp:)" /proc/self/status', '--privileged');
    const own = /^CapPrm:\t(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    expect(privileged).toBe(`CapEff:\t${own}\nSeccomp:\t0`);
  });

  it('S-02 S-01 holds nothing of the host open, and its program file cannot be reached', async () => {
    // Without a program of its own, whose descriptors they would be.
    const script = 'for n in $0; do test -e /proc/$$/fd/$n && echo $n; done; true';
    const numbers = Array.from({ length: 64 }, (_, number) => number).join(' ');
    expect(await cli.ok(['exec', 'box', 'sh', '-c', script, numbers])).toBe('0\n1\n2');
    expect(await sh('cd /proc/self/cwd/../../../../..; pwd -P; ls')).toMatch(/^\/\nbin\ndev\n/);
  });

  it('R-46 -u takes names and numbers of the container’s own files, and gives their home', async () => {
    expect(await sh('id; echo $HOME', '-u', 'ada')).toBe(
      'uid=1000(ada) gid=1000(ada) groups=50(staff),1000(ada)\n/tmp',
    );
    expect(await sh('id -u; id -g', '-u', '7:9')).toBe('7\n9');
    const unknown = await cli.run(['exec', '-u', 'nobody-here', 'box', 'id']);
    expect(unknown.stderr).toContain('[USER_NOT_FOUND]');
    expect(unknown.status).not.toBe(0);
  });

  it('C-71 -e and -w change the environment and the working directory', async () => {
    expect(await sh('echo $OWN $X; pwd', '-e', 'OWN=2', '-e', 'X=a b', '-w', '/etc')).toBe('2 a b\n/etc');
    expect(await cli.run(['exec', '-w', 'etc', 'box', 'pwd'])).toMatchObject({ status: 2 });
    const missing = await cli.run(['exec', '-w', '/nowhere', 'box', 'pwd']);
    expect(missing.stderr).toContain('open the working directory /nowhere');
    expect(missing.status).not.toBe(0);
    // It is the container's to make.
    expect(await sh('ls -d /nowhere 2>&1 || true')).toContain('No such file');
  });

  it('R-33 its exit status is the command’s; 127 and 126 when it cannot be', async () => {
    for (const [argv, status] of [
      [['sh', '-c', 'exit 7'], 7],
      [['sh', '-c', 'kill -9 $$'], 137],
      [['no-such-command'], 127],
      [['/etc/passwd'], 126],
    ] as const)
      expect(await cli.run(['exec', 'box', ...argv])).toMatchObject({ status });
  });

  it('C-71 -i passes input on, and without it there is none', async () => {
    expect(await cli.ok(['exec', '-i', 'box', 'cat'], { input: 'some\ninput' })).toBe('some\ninput');
    expect(await cli.ok(['exec', 'box', 'cat'], { input: 'some\ninput' })).toBe('');
    expect(await cli.run(['exec', '-it', 'box', 'sh'])).toMatchObject({ status: 2 });
  });

  it('C-71 leaves what its command started in the background, as the container’s', async () => {
    await sh('sleep 77777 >/dev/null 2>&1 &');
    // It is sleep a moment after its shell has ended.
    await expect.poll(() => sh('pidof sleep | wc -w')).toBe('2');
    await sh('for pid in $(pidof sleep); do test $pid = 1 || kill $pid; done');
  });

  it('C-71 -d runs on behind its command, and ends with the container', async () => {
    await cli.ok(['run', '-d', '--name', 'short', 'busybox:1', 'sleep', '1000']);
    const left = sleeper();
    expect(await cli.ok(['exec', '-d', 'short', ...left.argv])).toBe('');
    expect(await until(left.pid)).toBeGreaterThan(1);
    expect(await cli.run(['exec', '-d', 'short', 'nothing-there'])).toMatchObject({ status: 127 });
    expect(await cli.run(['exec', '-d', '-i', 'short', 'cat'])).toMatchObject({ status: 2 });
    await cli.ok(['rm', '-f', 'short']);
    expect(left.pid()).toBeUndefined();
  });

  it('S-73 C-71 dies with the command that asked for it, with all that it started', async () => {
    const [behind, command] = [sleeper(), sleeper()];
    const child = cli.start(['exec', 'box', 'sh', '-c', `${behind.line} & exec ${command.line}`]);
    await until(behind.pid);
    await until(command.pid);
    child.kill('SIGKILL');
    await until(() => command.pid() === undefined && behind.pid() === undefined);
    expect(await sh('echo alive')).toBe('alive');
  });

  it('C-71 Ctrl-C reaches a command without a terminal', async () => {
    const child = cli.start([
      'exec',
      'box',
      'sh',
      '-c',
      'trap "exit 9" INT; echo up; while :; do sleep 0.05; done',
    ]);
    await once(child.stdout ?? child, 'data');
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([9, null]);
  });

  it('C-71 is refused by what is paused, has ended or does not exist', async () => {
    await cli.ok(['run', '-d', '--name', 'halted', 'busybox:1', 'sleep', '1000']);
    await cli.ok(['pause', 'halted']);
    const paused = await cli.run(['exec', 'halted', 'true']);
    expect(paused).toMatchObject({ status: 1 });
    expect(paused.stderr).toContain(
      'container halted is paused [CONTAINER_STATE]\n  hint: let it go on first',
    );
    await cli.ok(['rm', '-f', 'halted']);
    await cli.ok(['create', '--name', 'idle', 'busybox:1', 'true']);
    expect((await cli.run(['exec', 'idle', 'true'])).stderr).toContain('container idle is not running');
    await cli.ok(['rm', 'idle']);
    const wrong = await cli.run(['exec', 'bux', 'true']);
    expect(wrong.stderr).toContain('no such container: bux [CONTAINER_NOT_FOUND]\n  hint: did you mean box?');
    expect(await cli.run(['exec', 'box'])).toMatchObject({ status: 2 });
  });

  it('C-71 a state file with the pid of another process leads nowhere', async () => {
    await cli.ok(['run', '-d', '--name', 'forged', 'busybox:1', 'sleep', '1000']);
    const id = (await cli.ok(['ps', '-q', '--no-trunc'])).split('\n')[0] ?? '';
    const file = join(cli.root, 'containers', id, 'state.json');
    const state = readFileSync(file, 'utf8');
    writeFileSync(file, state.replace(/"pid":\d+/, `"pid":${process.pid}`));
    const forged = await cli.run(['exec', 'forged', 'true']);
    expect(forged).toMatchObject({ status: 1 });
    expect(forged.stderr).toContain('the container has ended [CONTAINER_STATE]');
    writeFileSync(file, state);
    await cli.ok(['rm', '-f', 'forged']);
  });

  describe('in a terminal', () => {
    requires('tool:python3');
    const typed = (
      args: readonly string[],
      keys: readonly (readonly [string, string])[],
    ): Promise<OnTerminal> => onTerminal([tsbuildProgram, '--root', cli.root, ...args], keys);

    it('C-71 -it is a terminal of the container, of its size, and is restored', async () => {
      const script = 'tty; stty size; echo $TERM; echo ready; read line; echo "read $line"; exit 5';
      const { output, code, restored } = await typed(
        ['exec', '-it', 'box', 'sh', '-c', script],
        [['ready', 'hello\r']],
      );
      expect(output.split('\r\n')).toEqual([
        expect.stringMatching(/^\/dev\/pts\/\d+$/),
        ...['33 101', 'xterm', 'ready', 'hello', 'read hello', ''],
      ]);
      expect({ code, restored }).toEqual({ code: 5, restored: true });
    });

    it('C-71 Ctrl-C is a key of the terminal inside', async () => {
      const script = 'trap "echo stopped; exit 8" INT; echo ready; while :; do sleep 0.05; done';
      const { output, code, restored } = await typed(
        ['exec', '-it', 'box', 'sh', '-c', script],
        [['ready', '\x03']],
      );
      expect(output).toBe('ready\r\n^Cstopped\r\n');
      expect({ code, restored }).toEqual({ code: 8, restored: true });
    });

    it('C-71 --detach-keys leave it running; who is killed takes it along', async () => {
      const keys = ['exec', '-it', '--detach-keys', 'ctrl-a,x', 'box', 'sh', '-c'];
      const running = sleeper();
      const script = `stty size; echo ready; read line; echo "read $line" >/tmp/left; exec ${running.line}`;
      const left = await typed(
        [...keys, script],
        [
          ['ready', 'one ctrl-p\r'],
          ['one', '\x01x'],
        ],
      );
      expect(left.output).toMatch(/^33 101\r\nready\r\n/);
      expect(left).toMatchObject({ code: 0, restored: true });
      const pid = await until(running.pid);
      expect(await sh('cat /tmp/left')).toBe('read one ctrl-p');
      process.kill(pid);
      const ended = await typed([...keys, 'echo ready; read line; exit 6'], [['ready', 'x\r']]);
      expect(ended).toMatchObject({ code: 6, restored: true });
      expect((await typed([...keys.slice(0, -2), 'nothing'], [])).output).toContain('[COMMAND_NOT_FOUND]');
      // Who looks for keys in what is typed has the terminal to itself: nobody is left to restore it.
      const taken = sleeper();
      await typed([...keys, `echo ready; exec ${taken.line}`], [['ready', 'ABANDON']]);
      await until(() => taken.pid() === undefined);
    });

    it('C-71 the terminal is restored when the command line is killed', async () => {
      const taken = sleeper();
      const script = `echo ready; exec ${taken.line}`;
      const { restored } = await typed(['exec', '-it', 'box', 'sh', '-c', script], [['ready', 'KILL']]);
      expect(restored).toBe(true);
      await until(() => taken.pid() === undefined);
    });
  });
});
