import { beforeAll, describe, expect, it } from 'vitest';

import { statsRow } from '../../src/cli/stats/rows.ts';
import type { Sample } from '../../src/cli/stats/sample.ts';
import { statsScreen } from '../../src/cli/stats/screen.ts';
import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { onTerminal } from '../support/on-terminal.ts';
import { requires } from '../support/requires.ts';

const MiB = 2 ** 20;
const id = 'ab'.repeat(32);
const sample = (more: Partial<Sample> = {}): Sample => ({
  ...{ id, name: 'web', time: 1000, running: true, usage: {} },
  ...more,
});

describe('rows of stats', () => {
  const cellsOf = (now: Sample, before?: Sample): readonly string[] =>
    statsRow(now, { before, memory: 1024 * MiB, whole: false }).cells.slice(2);

  const usage = {
    cpuMicros: 2_000_000,
    memoryCurrent: 40 * MiB,
    memoryCache: 8 * MiB,
    memoryLimit: 64 * MiB,
    ioReadBytes: 1_500_000,
    ioWriteBytes: 0,
    pidsCurrent: 3,
  };
  const table: readonly (readonly [what: string, now: Sample, before: Sample | undefined, string[]])[] = [
    [
      'all that docker shows',
      sample({ time: 3000, usage, network: { received: 999, sent: 2000 } }),
      sample({ usage: { cpuMicros: 1_000_000 } }),
      ['50.00%', '32MiB / 64MiB', '50.00%', '999B / 2kB', '1.5MB / 0B', '3'],
    ],
    [
      'two processors at work',
      sample({ time: 2000, usage: { cpuMicros: 2_000_000 } }),
      sample({ usage: { cpuMicros: 0 } }),
      ['200.00%', '-- / --', '--', '-- / --', '-- / --', '--'],
    ],
    [
      'the memory of the machine where there is no limit',
      sample({ usage: { memoryCurrent: 512 * MiB } }),
      undefined,
      ['--', '512MiB / 1GiB', '50.00%', '-- / --', '-- / --', '--'],
    ],
    [
      'no limit above what the machine has',
      sample({ usage: { memoryCurrent: 1536, memoryLimit: 2048 * MiB } }),
      undefined,
      ['--', '1.5KiB / 1GiB', '0.00%', '-- / --', '-- / --', '--'],
    ],
    [
      'one that was started again',
      sample({ time: 2000, usage: { cpuMicros: 5 } }),
      sample({ usage: { cpuMicros: 1_000_000 } }),
      ['0.00%', '-- / --', '--', '-- / --', '-- / --', '--'],
    ],
    ['one that does not run', sample(), sample(), ['--', '-- / --', '--', '-- / --', '-- / --', '--']],
  ];
  it.each(table)('C-71 show %s', (_, now, before, cells) => {
    expect(cellsOf(now, before)).toEqual(cells);
  });

  it('C-71 as JSON have docker’s names and the figures themselves', () => {
    expect(statsRow(sample({ usage }), { memory: 1024 * MiB, whole: true }).json).toMatchObject({
      ID: id,
      Name: 'web',
      MemUsage: '32MiB / 64MiB',
      PIDs: '3',
      Usage: { memoryCurrent: 40 * MiB },
    });
  });

  it('a small window gets as much as it can show, and each list takes the place of the last', () => {
    let written = '';
    const output = { isTTY: true, rows: 3, columns: 20, write: (text: string) => (written += text) };
    const screen = statsScreen(output);
    const rows = ['a', 'b', 'c'].map((name) => [name, 'long '.repeat(10), '', '', '', '', '', '']);
    screen.show(rows);
    expect(written).toBe('CONTAINER ID   NAME \na              long \n');
    written = '';
    screen.show(rows.slice(0, 1));
    expect(written.startsWith('\x1b[2A\r\x1b[JCONTAINER')).toBe(true);
  });
});

describe('stats', () => {
  requires('root', 'overlay', 'tool:busybox', 'cgroup:memory', 'cgroup:pids');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    const script = 'sleep 1000 & trap "exit 0" TERM; while :; do sleep 0.05; done';
    const flags = ['-m', '64m', '--network', 'none'];
    await cli.ok(['run', '-d', '--name', 'busy', ...flags, 'busybox:1', 'sh', '-c', script]);
    await cli.ok(['run', '--name', 'ended', 'busybox:1', 'true']);
    return async () => cli.ok(['kill', 'busy']);
  });

  const json = async (...args: readonly string[]): Promise<readonly unknown[]> =>
    (await cli.ok(['stats', '--no-stream', '--format', 'json', ...args]))
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);

  it('C-71 reads what a running container uses', async () => {
    expect(await json()).toEqual([
      expect.objectContaining({
        Name: 'busy',
        CPUPerc: expect.stringMatching(/^\d+\.\d\d%$/) as string,
        MemUsage: expect.stringMatching(/^[\d.]+[KM]iB \/ 64MiB$/) as string,
        NetIO: '0B / 0B',
        PIDs: expect.stringMatching(/^[23]$/) as string,
        Usage: expect.objectContaining({ memoryLimit: 64 * MiB }) as object,
      }),
    ]);
  });

  it('C-71 shows others when they are asked for', async () => {
    expect(await json('ended')).toMatchObject([{ Name: 'ended', CPUPerc: '--', PIDs: '--' }]);
    expect(await json('--all')).toHaveLength(2);
    expect(await cli.run(['stats', '--no-stream', 'nobody'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('CONTAINER_NOT_FOUND') as string,
    });
  });

  it('C-71 prints a table as docker does', async () => {
    const [headings, row] = (await cli.ok(['stats', '--no-stream', 'busy'])).split('\n');
    expect(headings).toMatch(
      /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS$/,
    );
    expect(row).toMatch(/^[0-9a-f]{12} +busy +/);
  });

  it('C-71 draws the list anew in its place until Ctrl-C, and leaves the terminal as it was', async () => {
    requires('tool:python3');
    const argv = [tsbuildProgram, '--root', cli.root, 'stats'];
    const { output, code, restored } = await onTerminal(argv, [['\x1b[2A\r\x1b[J', '\x03']]);
    expect({ code, restored }).toEqual({ code: 0, restored: true });
    expect(output.match(/CONTAINER ID/g)?.length).toBeGreaterThanOrEqual(2);
  });
});
