import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { busyboxHost, runBusybox } from '../support/busybox-container.ts';
import { onTerminal, type OnTerminal } from '../support/on-terminal.ts';
import { requires } from '../support/requires.ts';

/** Runs a shell command in a container in terminal mode, on a real pseudo-terminal. */
async function inContainer(
  command: string,
  keys: readonly (readonly [after: string, typed: string])[] = [],
): Promise<OnTerminal> {
  const { folder } = busyboxHost();
  const program = join(import.meta.dirname, 'programs/run-container.ts');
  return onTerminal([process.execPath, program, folder, 'terminal', command], keys);
}

describe('a container with a terminal', () => {
  requires('root', 'overlay', 'tool:python3');

  it('has a terminal of its own devpts as its controlling one, with the caller’s size', async () => {
    const { output, code, restored } = await inContainer(
      'tty; test -c /dev/console && stat -c %t:%T /dev/console; until test "$(stty size)" = "33 101"; do sleep 0.05; done; stty size; ps -o tty | tail -1; exit 4',
    );
    expect(output.split('\r\n').slice(0, 3)).toEqual(['/dev/pts/0', '88:0', '33 101']);
    expect([code, restored]).toEqual([4, true]);
  });

  it('passes keys on, which the terminal inside makes signals of', async () => {
    const { output, code, restored } = await inContainer(
      'trap "echo interrupted; exit 9" INT; echo ready; while :; do sleep 0.1; done',
      [['ready', '\x03']],
    );
    expect(output).toContain('^Cinterrupted');
    expect([code, restored]).toEqual([9, true]);
  });

  it('echoes what is typed once, and ends input with the key for it', async () => {
    const { output } = await inContainer('echo ready; cat; echo done', [
      ['ready', 'hello\r'],
      ['hello\r\nhello', '\x04'],
    ]);
    expect(output).toBe('ready\r\nhello\r\nhello\r\ndone\r\n');
  });

  it('S-73 the caller’s terminal is restored even when the builder is killed', async () => {
    const { code, restored } = await inContainer('stty -g; echo ready; sleep 1000', [['ready', 'KILL']]);
    expect([code, restored]).toEqual([-9, true]);
  });

  it('resizes with the caller’s window', async () => {
    const { output } = await inContainer(
      'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.1; done',
      [['ready', 'RESIZE 40 120']],
    );
    expect(output).toContain('40 120');
  });

  it('runs to its end with its output as a stream', async () => {
    const host = busyboxHost();
    for (const stdin of ['none', 'stream', 'caller'] as const) {
      const spec = { stdio: 'terminal', streams: true, stdin } as const;
      const { stdout, code } = await runBusybox(host, 'test -t 1 && echo on a terminal; exit 3', {
        terminal: true,
        spec,
      });
      expect([stdout, code], stdin).toEqual(['on a terminal\r\n', 3]);
    }
  });

  it('output is complete up to the last byte', async () => {
    const { output } = await inContainer('seq 1 5000');
    expect(output.split('\r\n').slice(-2)).toEqual(['5000', '']);
  });
});
