import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { onTerminal, type OnTerminal } from '../support/on-terminal.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('in a terminal', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:python3');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  const typed = (
    args: readonly string[],
    keys: readonly (readonly [string, string])[] = [],
  ): Promise<OnTerminal> => onTerminal([tsbuildProgram, '--root', cli.root, ...args], keys);

  const shell = (script: string): readonly string[] => ['busybox:1', 'sh', '-c', script];

  it('C-71 run -it is a terminal of its size, answers keys, and follows the window', async () => {
    const script = [
      'trap "stty size" WINCH',
      'tty; stty size; echo ready',
      'read line; echo "read $line"; echo resize',
      'until test "$(stty size)" = "40 120"; do sleep 0.1; done',
      'exit 6',
    ].join('; ');
    const keys = [
      ['ready', 'hello\r'],
      ['resize', 'RESIZE 40 120'],
    ] as const;
    const { output, code, restored } = await typed(['run', '--rm', '-it', ...shell(script)], keys);
    expect(output.split('\r\n')).toEqual([
      ...['/dev/pts/0', '33 101', 'ready', 'hello', 'read hello', 'resize', '40 120', ''],
    ]);
    expect({ code, restored }).toEqual({ code: 6, restored: true });
  });

  it('C-71 Ctrl-C in run -it is a key of the terminal inside', async () => {
    const script = 'trap "echo stopped; exit 7" INT; echo ready; while :; do sleep 0.05; done';
    const { output, code, restored } = await typed(
      ['run', '--rm', '-it', ...shell(script)],
      [['ready', '\x03']],
    );
    expect(output).toBe('ready\r\n^Cstopped\r\n');
    expect({ code, restored }).toEqual({ code: 7, restored: true });
  });

  it('C-71 Ctrl-C reaches a program without a terminal of its own once', async () => {
    // Half a second more for a second one that must not come.
    const script =
      'trap "once=1; echo stopped" INT; echo ready; until test $once; do sleep 0.05; done; for i in $(seq 10); do sleep 0.05; done; exit 3';
    for (const flags of [[], ['-i']]) {
      const { output, code } = await typed(['run', '--rm', ...flags, ...shell(script)], [['ready', '\x03']]);
      expect(output.match(/stopped/g), output).toHaveLength(1);
      expect(code).toBe(3);
    }
  });

  it('S-73 Ctrl-C in a build ends it with 130, and what was built stays cached', async () => {
    const context = makeContext({
      Dockerfile: 'FROM busybox:1\nRUN echo first\nRUN echo begun; sleep 1000\n',
    });
    const { output, code, restored } = await typed(
      ['build', '-t', 'never', context],
      [['begun\r\n', '\x03']],
    );
    expect({ code, restored }).toEqual({ code: 130, restored: true });
    expect(output).toContain('tsbuild: interrupted by SIGINT [INTERRUPTED]');
    const again = await typed(['build', context], [['begun\r\n', '\x03']]);
    expect(again.output).toMatch(/RUN echo first\r\n#\d CACHED/);
  });

  it('C-73 save refuses to write to it, and load and import to read from it', async () => {
    const saved = await typed(['save', 'busybox:1']);
    expect(saved.code).toBe(2);
    expect(saved.output).toMatch(
      /^tsbuild: refusing to write an archive to a terminal \[USAGE\]\r\n {2}hint: use -o/,
    );
    for (const argv of [['load'], ['import', '-', 'x']]) {
      const { output, code } = await typed(argv);
      expect(code).toBe(2);
      expect(output).toContain('tsbuild: no archive: standard input is a terminal [USAGE]');
    }
  });

  it('C-71 -d outlives the terminal it was started in', async () => {
    const { path } = tempFolder('outlives');
    const script = 'trap "" HUP; while test ! -e /s/go; do sleep 0.05; done; touch /s/went';
    const { output, code } = await typed([
      'run',
      '-d',
      '--name',
      'outlives',
      '-v',
      `${path}:/s`,
      ...shell(script),
    ]);
    expect(code).toBe(0);
    expect(output).toMatch(/^[0-9a-f]{64}\r\n$/);
    expect(await cli.ok(['ps'])).toContain('outlives');
    await cli.ok(['run', '--rm', '-v', `${path}:/s`, 'busybox:1', 'touch', '/s/go']);
    expect(await cli.ok(['wait', 'outlives'])).toBe('0');
    expect(existsSync(join(path, 'went'))).toBe(true);
  });

  it('C-27 help is no wider than the terminal', async () => {
    const { output, code } = await typed(['build', '--help']);
    expect(code).toBe(0);
    expect(output.split('\r\n').filter((line) => line.length > 101)).toEqual([]);
  });
});
