import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { rawJsonProgress } from '../../src/cli/progress/raw-json.ts';
import { digestOf, TsbuildError, type BuildEvent } from '../../src/core/index.ts';
import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

/** The schema of docs/progress.md: strict, so that a member it does not name fails. */
const time = z.iso.datetime();
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const base64 = z.base64();
const count = z.int().min(0);
const usage = z.strictObject({
  ...{ cpuMicros: count, cpuUserMicros: count, cpuSystemMicros: count },
  ...{ throttledPeriods: count, throttledMicros: count },
  ...{ cpuStallMicros: count, memoryStallMicros: count, ioStallMicros: count },
  ...{ memoryCurrent: count, memoryCache: count, memoryPeak: count, memoryLimit: count, oomKills: count },
  ...{ ioReadBytes: count, ioWriteBytes: count, ioReads: count, ioWrites: count },
  ...{ pidsCurrent: count, pidsPeak: count, pidsLimit: count },
});
const reasons = z.array(z.looseObject({ kind: z.enum(['first-time', 'definition', 'inputs']) })).min(1);
const vertex = z.strictObject({
  digest,
  name: z.string(),
  inputs: z.array(digest).optional(),
  started: time.optional(),
  completed: time.optional(),
  cached: z.literal(true).optional(),
  error: z.string().optional(),
  usage: usage.partial().optional(),
  reasons: reasons.optional(),
});
const status = z.strictObject({
  ...{ id: z.string(), vertex: digest, current: count, total: count.optional(), timestamp: time },
});
const log = z.strictObject({
  ...{ vertex: digest, stream: z.union([z.literal(1), z.literal(2)]), data: base64, timestamp: time },
});
const position = z.strictObject({ line: z.int(), character: z.int() });
const warning = z.strictObject({
  level: z.literal(1),
  short: base64,
  sourceInfo: z.strictObject({ filename: z.string() }).optional(),
  range: z.array(z.strictObject({ start: position, end: position })).optional(),
});
const step = z.strictObject({
  ...{ id: digest, name: z.string(), status: z.enum(['done', 'cached']), milliseconds: count },
  reasons: reasons.optional(),
  usage: usage.partial().optional(),
});
const output = z.strictObject({
  ...{ type: z.literal('image'), digest, place: z.string().optional() },
  ...{ pushed: z.array(z.string()).optional(), engine: z.string().optional() },
});
const line = z.union([
  z.strictObject({ vertexes: z.array(vertex).length(1) }),
  z.strictObject({ statuses: z.array(status).length(1) }),
  z.strictObject({ logs: z.array(log).length(1) }),
  z.strictObject({ warnings: z.array(warning).length(1) }),
  z.strictObject({
    result: z.strictObject({
      ...{ image: digest, names: z.array(z.string()), steps: z.array(step) },
      outputs: z.array(output),
    }),
  }),
]);

function parseLines(text: string): z.infer<typeof line>[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((each) => line.parse(JSON.parse(each)));
}

const [id, input] = [digestOf('run'), digestOf('from')];
const label = { id, name: '[2/2] RUN make' };
const at = { digest: id, name: label.name };
const zero = '1970-01-01T00:00:00.000Z';
const one = '1970-01-01T00:00:01.000Z';

/** Events, and the last line of each. */
const table: readonly (readonly [what: string, events: readonly BuildEvent[], last: object])[] = [
  [
    'a start',
    [{ type: 'step-started', step: label, inputs: [input], time: 0 }],
    { vertexes: [{ ...at, started: zero, inputs: [input] }] },
  ],
  [
    'an end, with what was used',
    [
      { type: 'step-started', step: label, time: 0 },
      { type: 'step-done', step: label, time: 1000, usage: { memoryPeak: 4096 } },
    ],
    { vertexes: [{ ...at, started: zero, completed: one, usage: { memoryPeak: 4096 } }] },
  ],
  [
    'a hit',
    [{ type: 'step-cached', step: label, inputs: [], time: 0 }],
    { vertexes: [{ ...at, started: zero, inputs: [], completed: zero, cached: true }] },
  ],
  [
    'a failure',
    [{ type: 'step-failed', step: label, error: new TsbuildError('RUN_FAILED', 'exit code: 2'), time: 1000 }],
    { vertexes: [{ ...at, completed: one, error: 'exit code: 2' }] },
  ],
  [
    'a step that was stopped',
    [{ type: 'step-cancelled', step: label, time: 1000 }],
    { vertexes: [{ ...at, completed: one, error: 'context canceled' }] },
  ],
  [
    'output, whatever its bytes',
    [{ type: 'step-log', step: label, stream: 'stderr', data: Buffer.from([0xff, 0x0a]), time: 1000 }],
    { logs: [{ vertex: id, stream: 2, data: '/wo=', timestamp: one }] },
  ],
  [
    'progress of a part',
    [{ type: 'status', step: label, id: 'layer', current: 1, total: 2 }],
    { statuses: [{ vertex: id, id: 'layer', current: 1, total: 2 }] },
  ],
  [
    'a warning with its place',
    [{ type: 'warning', message: 'careful', file: 'Dockerfile', range: { startLine: 2, endLine: 3 } }],
    {
      warnings: [
        {
          level: 1,
          short: 'Y2FyZWZ1bA==',
          sourceInfo: { filename: 'Dockerfile' },
          range: [{ start: { line: 2, character: 0 }, end: { line: 3, character: 0 } }],
        },
      ],
    },
  ],
];

describe('rawjson progress', () => {
  it.each(table)('O-90 C-09 tells %s', (_, events, last) => {
    let text = '';
    const progress = rawJsonProgress((part) => {
      text += part;
    });
    for (const event of events) progress.handle(event);
    const lines = parseLines(text);
    expect(lines).toHaveLength(events.length);
    expect(lines.at(-1)).toMatchObject(last);
  });
});

describe('the progress of a build', () => {
  requires('root', 'overlay', 'tool:busybox');

  it('O-90 C-09 rawjson is JSON line by line, with usage and result', async () => {
    const cli = await tsbuildWithBusybox();
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo hello > /x; echo output\n' });
    const { stderr, stdout } = await cli.run(['build', '--progress=rawjson', '-t', 'app', context]);
    expect(stdout).toBe('');
    const lines = parseLines(stderr);
    const ended = lines.flatMap((each) => ('vertexes' in each ? each.vertexes : []));
    const ran = ended.find((each) => each.completed !== undefined && each.name.includes('RUN'));
    expect(ran?.usage?.cpuMicros).toBeGreaterThan(0);
    expect(ended.find((each) => each.name.includes('RUN'))?.inputs).toHaveLength(1);
    const logs = lines.flatMap((each) => ('logs' in each ? each.logs : []));
    expect(logs.map(({ data }) => Buffer.from(data, 'base64').toString())).toEqual(['output\n']);
    expect(lines.at(-1)).toMatchObject({
      result: {
        names: ['docker.io/library/app:latest'],
        steps: [{ status: 'done' }, { name: ran?.name, status: 'done', usage: ran?.usage }],
      },
    });
    const again = parseLines((await cli.run(['build', '--progress=rawjson', context])).stderr);
    expect(again.at(-1)).toMatchObject({ result: { steps: [{ status: 'cached' }, { status: 'cached' }] } });
  });

  it('C-09 quiet prints the id, none prints nothing, and the environment chooses', async () => {
    const cli = await tsbuildWithBusybox();
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nLABEL a=b\n' });
    const quiet = await cli.run(['build', '--progress=quiet', context]);
    expect(quiet).toMatchObject({ status: 0, stderr: '' });
    expect(quiet.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(await cli.run(['build', '--progress=none', context])).toMatchObject({ stdout: '', stderr: '' });
    const asked = (style: string): Promise<{ stderr: string; status: number | null }> =>
      cli.run(['build', context], { env: { BUILDKIT_PROGRESS: style } });
    expect(parseLines((await asked('rawjson')).stderr)).not.toEqual([]);
    expect((await asked('tty')).stderr).toMatch(/^#1 /);
    expect(await asked('loud')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('BUILDKIT_PROGRESS') as string,
    });
  });
});
