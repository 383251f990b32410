import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';

import { openLog } from '../../src/cli/container/log.ts';
import { readLog, type LogQuery } from '../../src/cli/container/log-reader.ts';
import { parseMoment } from '../../src/cli/moment.ts';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function linesOf(folder: string, query: LogQuery = {}): Promise<string> {
  let all = '';
  for await (const { log } of readLog(folder, query)) all += log;
  return all;
}

function write(
  folder: string,
  lines: readonly string[],
  options?: Parameters<typeof openLog>[1],
): Promise<void> {
  using log = openLog(folder, options);
  return log.copy('stdout', Readable.from(lines.map((line) => Buffer.from(line))));
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => `line ${from + at}\n`);

describe('logs of bounded size', () => {
  it('C-71 keeps so many files of about that size, the newest lines in them', async () => {
    const { path } = tempFolder('log');
    await write(path, numbers(0, 1000), { maxSize: 2000, maxFiles: 3 });
    const files = readdirSync(path);
    expect(files.sort()).toEqual(['log.jsonl', 'log.jsonl.1', 'log.jsonl.2']);
    for (const file of files) expect(statSync(join(path, file)).size).toBeLessThanOrEqual(2000);
    const kept = (await linesOf(path)).split('\n').filter((line) => line !== '');
    expect(kept.at(-1)).toBe('line 999');
    expect(kept).toEqual(numbers(1000 - kept.length, 1000).map((line) => line.trim()));
  });

  it('C-71 works with a single file, and with lines longer than it', async () => {
    const { path } = tempFolder('log');
    await write(path, ['x'.repeat(5000), '\n', 'short\n'], { maxSize: 100, maxFiles: 1 });
    expect(readdirSync(path)).toEqual(['log.jsonl']);
    expect(await linesOf(path)).toBe('short\n');
  });

  it('C-71 a line that was cut off by a full disk or a kill hides no other', async () => {
    const { path } = tempFolder('log');
    await write(path, ['one\n']);
    writeFileSync(join(path, 'log.jsonl'), '{"log":"tw\n', { flag: 'a' });
    await write(path, ['three\n']);
    expect(await linesOf(path)).toBe('one\nthree\n');
  });

  it('C-71 follows from file to file, though they are renamed meanwhile, and misses nothing', async () => {
    const { path } = tempFolder('log');
    const end = new AbortController();
    const followed = linesOf(path, { follow: end.signal });
    using log = openLog(path, { maxSize: 1500, maxFiles: 1000 });
    for (let at = 0; at < 2000; at += 100) {
      await log.copy('stdout', Readable.from(numbers(at, at + 100).map((line) => Buffer.from(line))));
    }
    end.abort();
    expect(await followed).toBe(numbers(0, 2000).join(''));
  });

  it('C-71 --tail counts from the end, over several files', async () => {
    const { path } = tempFolder('log');
    mkdirSync(path, { recursive: true });
    await write(path, numbers(0, 3));
    renameSync(join(path, 'log.jsonl'), join(path, 'log.jsonl.1'));
    await write(path, numbers(3, 5));
    expect(await linesOf(path, { tail: 3 })).toBe(numbers(2, 5).join(''));
    expect(await linesOf(path, { tail: 0 })).toBe('');
    expect(await linesOf(path, { tail: 100 })).toBe(numbers(0, 5).join(''));
  });
});

describe('moments', () => {
  const now = Date.parse('2024-03-01T12:00:00Z');
  it('are dates, seconds since 1970, or how long ago', () => {
    for (const [text, expected] of [
      ['2024-03-01T10:00:00Z', Date.parse('2024-03-01T10:00:00Z')],
      ['2024-03-01T10:00:00.5+01:00', Date.parse('2024-03-01T09:00:00.5Z')],
      ['2024-03-01', Date.parse('2024-03-01T00:00:00')],
      ['1709287200', 1_709_287_200_000],
      ['1709287200.25', 1_709_287_200_250],
      ['10m', now - 600_000],
      ['1h30m', now - 5_400_000],
    ] as const)
      expect(parseMoment('--since', text, now)).toBe(expected);
    for (const text of ['', 'yesterday', '10', '2024-13-01', '10 m'].filter((each) => each !== '10'))
      expect(() => parseMoment('--since', text, now)).toThrow('--since: invalid value');
  });
});

const upTo = (name: string): string => `until test -e /s/${name}; do sleep 0.02; done`;

describe('logs of a container', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it('C-71 -f ends when the container does, with all that it printed', async () => {
    // Each is in the log before the next comes, so that their times differ and their order is known.
    const { path } = tempFolder('counts');
    const script = `echo 1; echo 2; for i in 3 4 5; do ${upTo('$i')}; echo $i; done; ${upTo('end')}; echo end >&2`;
    await cli.ok(['run', '-d', '--name', 'counts', '-v', `${path}:/s`, 'busybox:1', 'sh', '-c', script]);
    const following = cli.run(['logs', '-f', 'counts']);
    for (const [last, next] of [
      ['2', '3'],
      ['3', '4'],
      ['4', '5'],
      ['5', 'end'],
    ] as const) {
      await expect.poll(() => cli.ok(['logs', '--tail', '1', 'counts'])).toBe(last);
      writeFileSync(join(path, next), '');
    }
    const followed = await following;
    expect(followed).toMatchObject({ status: 0, stdout: '1\n2\n3\n4\n5\n', stderr: 'end\n' });
    // Of what has ended it is at once at its end.
    expect(await cli.ok(['logs', '-f', '--tail', '2', 'counts'])).toBe('5');
    const times = await cli.ok(['logs', '-t', '-n', '3', 'counts']);
    expect(times).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z 4\n\S+Z 5$/);
    const third = (times.split('\n')[1] ?? '').split(' ')[0] ?? '';
    expect(await cli.ok(['logs', '--since', third, 'counts'])).toBe('5');
    expect(await cli.ok(['logs', '--until', '10m', 'counts'])).toBe('');
    for (const wrong of [
      ['--tail', 'x'],
      ['--tail', '-1'],
      ['--since', 'later'],
      ['--until', '?'],
    ])
      expect(await cli.run(['logs', ...wrong, 'counts'])).toMatchObject({ status: 2 });
    await cli.ok(['rm', 'counts']);
  });

  it('C-71 Ctrl-C ends -f and leaves the container running', async () => {
    const script = 'while :; do echo tick; sleep 0.05; done';
    await cli.ok(['run', '-d', '--name', 'ticks', 'busybox:1', 'sh', '-c', script]);
    const child = cli.start(['logs', '-f', 'ticks']);
    const said = text(child.stdout ?? Readable.from([]));
    await once(child.stdout ?? child, 'readable');
    child.kill('SIGINT');
    await once(child, 'exit');
    expect(await said).toMatch(/^(tick\n)+$/);
    expect(await cli.ok(['ps', '-q'])).not.toBe('');
    await cli.ok(['rm', '-f', 'ticks']);
  });

  it('C-71 --log-opt bounds what a talkative container leaves', async () => {
    const flags = ['--log-opt', 'max-size=10k', '--log-opt', 'max-file=2'];
    const id = await cli.ok(['run', '-d', ...flags, 'busybox:1', 'seq', '5000']);
    await cli.ok(['wait', id]);
    const folder = join(cli.root, 'containers', id);
    const logs = readdirSync(folder).filter((name) => name.startsWith('log.jsonl'));
    expect(logs.sort()).toEqual(['log.jsonl', 'log.jsonl.1']);
    for (const name of logs) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(10_240);
    expect(await cli.ok(['logs', '-n', '2', id])).toBe('4999\n5000');
    await cli.ok(['rm', id]);
  });
});
