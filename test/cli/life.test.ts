import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';

import { DetachKeys, parseDetachKeys } from '../../src/cli/detach-keys.ts';
import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { allGone, holdingsOf, sleeper, until } from '../support/holdings.ts';
import { onTerminal, type OnTerminal } from '../support/on-terminal.ts';
import { requires } from '../support/requires.ts';

interface Inspected {
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Error: string;
  };
  readonly RestartCount: number;
}

async function inspect(cli: Tsbuild, name: string): Promise<Inspected> {
  const [found] = JSON.parse(await cli.ok(['inspect', name])) as [Inspected];
  return found;
}

/** Ends at once on SIGTERM, which process 1 without a handler would ignore. */
const obedient = 'trap "exit 0" TERM; while :; do sleep 0.05; done';

describe('the life of a container', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  const status = async (name: string): Promise<string> => (await inspect(cli, name)).State.Status;

  it('R-02 create makes everything but runs nothing; start runs it, as often as asked', async () => {
    const script = 'echo run >> /count; cat /count; exit 3';
    const id = await cli.ok(['create', '--name', 'twice', 'busybox:1', 'sh', '-c', script]);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await status('twice')).toBe('created');
    expect(await cli.run(['start', '-a', 'twice'])).toMatchObject({ status: 3, stdout: 'run\n' });
    // What it wrote is there the next time.
    expect(await cli.run(['start', '-a', id.slice(0, 12)])).toMatchObject({
      status: 3,
      stdout: 'run\nrun\n',
    });
    expect(await cli.ok(['logs', 'twice'])).toBe('run\nrun\nrun');
    expect(await cli.ok(['start', 'twice'])).toBe('twice');
    expect(await cli.ok(['wait', 'twice'])).toBe('3');
    await cli.ok(['rm', 'twice']);
  });

  it('C-71 start does nothing to what runs, and goes on after one that is not there', async () => {
    await cli.ok(['run', '-d', '--name', 'runs', 'busybox:1', 'sh', '-c', obedient]);
    const { State } = await inspect(cli, 'runs');
    const both = await cli.run(['start', 'rusn', 'runs']);
    expect(both).toMatchObject({ status: 1, stdout: 'runs\n' });
    expect(both.stderr).toContain('did you mean runs?');
    expect((await inspect(cli, 'runs')).State.Pid).toBe(State.Pid);
    await cli.ok(['rm', '-f', 'runs']);
  });

  it('R-33 what cannot be started says why, stays, and has left nothing', async () => {
    await cli.ok(['create', '--name', 'wrong', 'busybox:1', 'no-such-program']);
    for (const argv of [
      ['start', 'wrong'],
      ['start', '-a', 'wrong'],
    ]) {
      const failed = await cli.run(argv);
      expect(failed.status).toBe(127);
      expect(failed.stderr).toContain('command not found in the container: no-such-program');
    }
    expect((await inspect(cli, 'wrong')).State).toMatchObject({
      Status: 'created',
      ExitCode: 127,
      Error: 'command not found in the container: no-such-program',
    });
    await cli.ok(['rm', 'wrong']);
    expect(readdirSync(join(cli.root, 'containers'))).toEqual([]);
  });

  it('C-71 start -ai passes input, output and errors on, from the first to the last byte', async () => {
    const script = 'echo out; echo err >&2; cat; exit 6';
    await cli.ok(['create', '-i', '--name', 'piped', 'busybox:1', 'sh', '-c', script]);
    const input = 'x'.repeat(300_000);
    const result = await cli.run(['start', '-ai', 'piped'], { input });
    expect(result).toMatchObject({ status: 6, stderr: 'err\n' });
    expect(result.stdout).toBe(`out\n${input}`);
    expect(await cli.run(['start', '-a', 'piped', 'other'])).toMatchObject({ status: 2 });
    await cli.ok(['rm', 'piped']);
  });

  it('C-71 attach joins what runs; several share the output', async () => {
    const script = 'trap "echo bye; exit 4" TERM; while :; do echo tick; sleep 0.1; done';
    await cli.ok(['run', '-d', '--name', 'shared', 'busybox:1', 'sh', '-c', script]);
    const children = [cli.start(['attach', 'shared']), cli.start(['attach', '--no-stdin', 'shared'])];
    const said = children.map((child) => text(child.stdout ?? Readable.from([])));
    const ended = children.map((child) => once(child, 'exit'));
    await Promise.all(children.map((child) => once(child.stdout ?? child, 'readable')));
    // A signal of one is the container's.
    children[0]?.kill('SIGTERM');
    expect(await Promise.all(ended)).toEqual([
      [4, null],
      [4, null],
    ]);
    for (const output of await Promise.all(said)) expect(output).toMatch(/^(tick\n)+bye\n$/);
    const late = await cli.run(['attach', 'shared']);
    expect(late.stderr).toContain('container shared is not running [CONTAINER_STATE]');
    await cli.ok(['rm', 'shared']);
  });

  it('C-71 an attached command that is killed leaves the container alone', async () => {
    await cli.ok([
      'run',
      '-d',
      '--name',
      'alone',
      'busybox:1',
      'sh',
      '-c',
      'while :; do echo tick; sleep 0.05; done',
    ]);
    const child = cli.start(['attach', 'alone']);
    await once(child.stdout ?? child, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await status('alone')).toBe('running');
    await cli.ok(['rm', '-f', 'alone']);
  });

  it('C-71 one in the foreground cannot be attached to, and says so', async () => {
    const child = cli.start([
      'run',
      '--rm',
      '--name',
      'front',
      'busybox:1',
      'sh',
      '-c',
      `echo up; ${obedient}`,
    ]);
    await once(child.stdout ?? child, 'data');
    const refused = await cli.run(['attach', 'front']);
    expect(refused.stderr).toContain('the container runs in the terminal of a command');
    expect(await cli.ok(['exec', 'front', 'echo', 'in'])).toBe('in');
    const ended = once(child, 'exit');
    await cli.ok(['stop', 'front']);
    expect(await ended).toEqual([0, null]);
  });

  it('C-71 restart stops in the container’s own way, and starts again; also one that has ended', async () => {
    const script = `trap "echo bye; exit 0" TERM; echo hello; while :; do sleep 0.05; done`;
    await cli.ok(['run', '-d', '--name', 'again', 'busybox:1', 'sh', '-c', script]);
    await until(() => cli.ok(['logs', 'again']));
    await expect.poll(() => cli.ok(['logs', 'again'])).toBe('hello');
    const before = (await inspect(cli, 'again')).State.Pid;
    expect(await cli.ok(['restart', '-t', '20', 'again'])).toBe('again');
    const after = (await inspect(cli, 'again')).State;
    expect(after.Status).toBe('running');
    expect(after.Pid).not.toBe(before);
    await expect.poll(() => cli.ok(['logs', 'again'])).toBe('hello\nbye\nhello');
    await cli.ok(['stop', 'again']);
    await cli.ok(['restart', 'again']);
    expect(await status('again')).toBe('running');
    expect(await cli.run(['restart', '-t', 'soon', 'again'])).toMatchObject({ status: 2 });
    await cli.ok(['rm', '-f', 'again']);
  });

  it('C-71 restart keeps one that removes itself', async () => {
    await cli.ok(['run', '-d', '--rm', '--name', 'kept', 'busybox:1', 'sh', '-c', obedient]);
    await cli.ok(['restart', 'kept']);
    expect(await status('kept')).toBe('running');
    await cli.ok(['stop', 'kept']);
    expect(await cli.ok(['ps', '-aq'])).toBe('');
  });

  it('C-71 pause halts every process, unpause lets them go on; stop and rm -f work in between', async () => {
    const script = 'while :; do echo tick; sleep 0.02; done';
    await cli.ok(['run', '-d', '--name', 'halted', 'busybox:1', 'sh', '-c', script]);
    await expect.poll(() => cli.ok(['logs', 'halted'])).toContain('tick');
    expect(await cli.ok(['pause', 'halted'])).toBe('halted');
    expect(await status('halted')).toBe('paused');
    expect(await cli.ok(['ps'])).toMatch(/Up \d+ seconds? \(Paused\)/);
    // What it wrote before may still be on its way into the log.
    let first = '';
    await expect.poll(async () => first === (first = await cli.ok(['logs', 'halted']))).toBe(true);
    const twice = await cli.run(['pause', 'halted']);
    expect(twice.stderr).toContain('the container is paused already [CONTAINER_STATE]');
    expect(await cli.ok(['unpause', 'halted'])).toBe('halted');
    await expect.poll(async () => (await cli.ok(['logs', 'halted'])).length).toBeGreaterThan(first.length);
    expect(await cli.run(['unpause', 'halted'])).toMatchObject({ status: 1 });
    await cli.ok(['pause', 'halted']);
    const held = holdingsOf((await inspect(cli, 'halted')).State.Pid);
    await cli.ok(['stop', '-t', '0', 'halted']);
    expect(await status('halted')).toBe('exited');
    await allGone(held);
    await cli.ok(['start', 'halted']);
    await cli.ok(['pause', 'halted']);
    await cli.ok(['rm', '-f', 'halted']);
    expect(await cli.run(['pause', 'nobody'])).toMatchObject({ status: 1 });
  });

  it('R-04 rename gives a new name, which no other has and which is one', async () => {
    const id = await cli.ok(['create', '--name', 'old', 'busybox:1', 'true']);
    await cli.ok(['create', '--name', 'taken', 'busybox:1', 'true']);
    expect(await cli.ok(['rename', 'old', 'new'])).toBe('');
    expect(await cli.ok(['inspect', 'new', '--format', 'json'])).toContain(id);
    expect((await cli.run(['rename', 'new', 'taken'])).stderr).toContain('[CONTAINER_NAME_IN_USE]');
    expect((await cli.run(['rename', 'new', 'new'])).stderr).toContain('[CONTAINER_NAME_IN_USE]');
    for (const name of ['.', '..', '../x', 'a b', ''])
      expect(await cli.run(['rename', 'new', name])).toMatchObject({ status: 2 });
    expect(await cli.run(['rename', 'old', 'other'])).toMatchObject({ status: 1 });
    await cli.ok(['rm', 'new', 'taken']);
  });

  it('C-71 top shows the processes of the container and no others', async () => {
    const [behind, first] = [sleeper(), sleeper()];
    const script = `${behind.line} & exec ${first.line}`;
    await cli.ok(['run', '-d', '--name', 'busy', 'busybox:1', 'sh', '-c', script]);
    const pid = await until(behind.pid);
    await until(first.pid);
    const lines = (await cli.ok(['top', 'busy'])).split('\n');
    expect(lines[0]).toMatch(/^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
    expect(lines.slice(1).map((line) => line.replace(/^.*\d\d:\d\d:\d\d +/, ''))).toEqual([
      first.line,
      behind.line,
    ]);
    expect(lines[2]).toMatch(new RegExp(`^0 +${pid} `));
    const columns = (await cli.ok(['top', 'busy', '-o', 'pid,args'])).split('\n');
    expect(columns).toHaveLength(3);
    expect(columns[2]).toMatch(new RegExp(`^${pid} +${behind.line}$`));
    expect((await cli.run(['top', 'busy', '-o', 'args'])).stderr).toContain('leave out the column PID');
    expect(await cli.run(['top', 'busy', '--no-such-option'])).toMatchObject({ status: 2 });
    await cli.ok(['rm', '-f', 'busy']);
  });

  it('S-18 nothing of a container that was restarted, paused and executed in is left', async () => {
    await cli.ok(['run', '-d', '--name', 'worn', 'busybox:1', 'sh', '-c', obedient]);
    const [early, late] = [sleeper(), sleeper()];
    await cli.ok(['exec', '-d', 'worn', ...early.argv]);
    await cli.ok(['restart', 'worn']);
    expect(early.pid()).toBeUndefined();
    await cli.ok(['pause', 'worn']);
    await cli.ok(['unpause', 'worn']);
    await cli.ok(['exec', '-d', 'worn', ...late.argv]);
    const { Pid } = (await inspect(cli, 'worn')).State;
    const held = holdingsOf(Pid);
    await cli.ok(['rm', '-f', 'worn']);
    await allGone(held);
    expect(late.pid()).toBeUndefined();
  });

  describe('in a terminal', () => {
    requires('tool:python3');
    const typed = (
      args: readonly string[],
      keys: readonly (readonly [string, string])[],
    ): Promise<OnTerminal> => onTerminal([tsbuildProgram, '--root', cli.root, ...args], keys);
    const loop = 'echo ready; while read line; do test "$line" = quit && exit 7; echo "got $line"; done';

    it('C-71 what the terminal inside leaves as it is comes out as it is', async () => {
      const script = 'stty -opost; printf "one\\ntwo"';
      await cli.ok(['create', '-it', '--name', 'plain', 'busybox:1', 'sh', '-c', script]);
      const { output, restored } = await typed(['start', '-ai', 'plain'], []);
      expect([output, restored]).toEqual(['one\ntwo', true]);
      await cli.ok(['rm', 'plain']);
    });

    it('C-71 start -ai is a terminal of its size; ctrl-p ctrl-q leaves it running, attach comes back', async () => {
      await cli.ok(['create', '-it', '--name', 'tty', 'busybox:1', 'sh', '-c', `stty size; ${loop}`]);
      const first = await typed(
        ['start', '-ai', 'tty'],
        [
          ['ready', 'one\r'],
          ['got one', '\x10\x11'],
        ],
      );
      expect(first.output).toMatch(/^33 101\r\nready\r\none\r\ngot one\r\n$/);
      expect(first).toMatchObject({ code: 0, restored: true });
      expect(await status('tty')).toBe('running');
      const second = await typed(
        ['attach', '--detach-keys', 'ctrl-a,x', 'tty'],
        [
          ['', 'two\r'],
          ['got two', '\x10z\r'],
          ['got \x10z', '\x01x'],
        ],
      );
      expect(second).toMatchObject({ code: 0, restored: true });
      const third = await typed(['attach', 'tty'], [['', 'quit\r']]);
      expect(third).toMatchObject({ code: 7, restored: true });
      await cli.ok(['rm', 'tty']);
    });
  });
});

describe('detach keys', () => {
  it('are characters and control keys', () => {
    expect(parseDetachKeys('ctrl-p,ctrl-q')).toEqual([16, 17]);
    expect(parseDetachKeys('a,ctrl-@,ctrl-[,ctrl-_')).toEqual([97, 0, 27, 31]);
    for (const text of ['', 'ab', 'ctrl-1', 'ctrl-pp', 'ctrl-p,,a', 'ä'])
      expect(() => parseDetachKeys(text)).toThrow('--detach-keys: invalid value');
  });

  it('are found however they arrive, and what only looked like them goes on', () => {
    const push = (...typed: readonly string[]): readonly [string, boolean] => {
      const keys = new DetachKeys([16, 17]);
      let passed = '';
      for (const part of typed) {
        const { bytes, detached } = keys.push(Buffer.from(part, 'latin1'));
        passed += bytes.toString('latin1');
        if (detached) return [passed, true];
      }
      return [passed, false];
    };
    expect(push('ab\x10\x11cd')).toEqual(['ab', true]);
    expect(push('a\x10', '\x11')).toEqual(['a', true]);
    expect(push('\x10b')).toEqual(['\x10b', false]);
    expect(push('\x10', '\x10', '\x11')).toEqual(['\x10', true]);
    expect(push('\x11\x10')).toEqual(['\x11', false]);
  });
});
