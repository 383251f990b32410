import { describe, expect, it } from 'vitest';

import { plainProgress } from '../../src/cli/progress/plain.ts';
import { digestOf, TsbuildError, type BuildEvent, type StepLabel } from '../../src/core/index.ts';

function label(name: string): StepLabel {
  return { id: digestOf(Buffer.from(name)), name };
}

const [run, copy] = [label('[2/3] RUN make'), label('[1/3] COPY . .')];

/** The lines that these events come to, and the report of a failure. */
function render(events: readonly BuildEvent[]): {
  readonly lines: readonly string[];
  readonly failure: { readonly name: string; readonly lines: readonly string[] } | undefined;
} {
  let text = '';
  const progress = plainProgress((part) => {
    text += part;
  });
  for (const event of events) progress.handle(event);
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return { lines: text.split('\n').slice(0, -1), failure: progress.failure() };
}

function log(
  step: StepLabel,
  data: string | Uint8Array,
  at: { readonly time?: number; readonly stream?: 'stdout' | 'stderr' } = {},
): BuildEvent {
  const { time = 1000, stream = 'stdout' } = at;
  return { type: 'step-log', step, stream, data: Buffer.from(data), time };
}

const started = (step: StepLabel, time = 1000): BuildEvent => ({ type: 'step-started', step, time });
const done = (step: StepLabel, time = 1000): BuildEvent => ({ type: 'step-done', step, time });

describe('plain progress', () => {
  it('O-91 numbers steps in the order they show up, and times their lines', () => {
    const { lines } = render([
      started(copy, 0),
      started(run, 100),
      log(run, 'compiling\nlinking\n', { time: 1345 }),
      done(copy, 250),
      done(run, 3100),
    ]);
    expect(lines).toEqual([
      '#1 [1/3] COPY . .',
      '#2 [2/3] RUN make',
      '#2 1.245 compiling',
      '#2 1.245 linking',
      '#1 DONE 0.250s',
      '#2 DONE 3.000s',
    ]);
  });

  it('O-91 says CACHED, CANCELED and ERROR', () => {
    const error = new TsbuildError('RUN_FAILED', 'exit code: 2');
    const { lines } = render([
      { type: 'step-cached', step: copy, time: 0 },
      started(run),
      { type: 'step-failed', step: run, error, time: 2000 },
      started(label('other')),
      { type: 'step-cancelled', step: label('other'), time: 2000 },
    ]);
    expect(lines).toEqual([
      ...['#1 [1/3] COPY . .', '#1 CACHED', '#2 [2/3] RUN make', '#2 ERROR: exit code: 2'],
      ...['#3 other', '#3 CANCELED'],
    ]);
  });

  it('O-91 keeps the last 20 lines of the step that failed first', () => {
    const error = new TsbuildError('RUN_FAILED', 'x');
    const numbers = Array.from({ length: 50 }, (_, index) => `line ${index}\n`).join('');
    const { failure } = render([
      started(run),
      started(copy),
      log(run, numbers),
      log(copy, 'of the other\n'),
      log(run, 'no end'),
      { type: 'step-failed', step: run, error, time: 0 },
      { type: 'step-failed', step: copy, error, time: 0 },
    ]);
    expect(failure?.name).toBe(run.name);
    expect(failure?.lines).toHaveLength(20);
    expect([failure?.lines[0], failure?.lines[19]]).toEqual(['line 31', 'no end']);
    expect(render([started(run), done(run)]).failure).toBeUndefined();
  });

  it('O-91 joins what comes in pieces, characters too, and keeps the two streams apart', () => {
    const umlaut = Buffer.from('ü');
    const { lines } = render([
      started(run),
      log(run, 'first '),
      log(run, 'warn', { stream: 'stderr' }),
      log(run, 'half\nsec'),
      log(run, 'ing\n', { stream: 'stderr' }),
      log(run, umlaut.subarray(0, 1)),
      log(run, umlaut.subarray(1)),
      done(run),
    ]);
    expect(lines.slice(1, -1)).toEqual(['#1 0.000 first half', '#1 0.000 warning', '#1 0.000 secü']);
  });

  it('O-91 shows of a line that is redrawn what stood there in the end', () => {
    const { lines } = render([started(run), log(run, ' 10%\r 50%\r100%\r\nnext\r\n\n'), done(run)]);
    expect(lines.slice(1, -1)).toEqual(['#1 0.000 100%', '#1 0.000 next', '#1 0.000 ']);
  });

  it('O-91 cuts a line that never ends, and loses nothing of it', () => {
    const long = 'x'.repeat(150_000);
    const { lines } = render([
      started(run),
      log(run, long.slice(0, 80_000)),
      log(run, long.slice(80_000)),
      done(run),
    ]);
    const shown = lines.slice(1, -1).map((line) => line.replace('#1 0.000 ', ''));
    expect(Math.max(...shown.map((line) => line.length))).toBe(64 * 1024);
    expect(shown.join('')).toBe(long);
  });

  it('S-78 leaves a program its colours, and nothing else of the terminal', () => {
    const { lines } = render([
      started(label('RUN echo \u001b[2J\nRUN rm -rf /')),
      log(
        label('RUN echo \u001b[2J\nRUN rm -rf /'),
        '\u001b[31mred\u001b[0m\u001b[2J \u001b]0;title\u0007 \u001b[1mbold\n',
      ),
      log(label('RUN echo \u001b[2J\nRUN rm -rf /'), 'a\tb\u0008c\n'),
    ]);
    expect(lines).toEqual([
      '#1 RUN echo \ufffd[2J RUN rm -rf /',
      '#1 0.000 \u001b[31mred\u001b[0m\ufffd[2J \ufffd]0;title\ufffd \u001b[1mbold\u001b[0m',
      '#1 0.000 a\tb\ufffdc',
    ]);
  });

  it('O-91 tells warnings with their place', () => {
    const range = { startLine: 4, endLine: 4 };
    const { lines } = render([
      { type: 'warning', message: 'empty continuation line', file: 'Dockerfile', range },
      { type: 'warning', message: 'no writable cgroups' },
      { type: 'status', step: run, id: 'layers', current: 1, total: 2 },
    ]);
    expect(lines).toEqual(['warning: Dockerfile:4: empty continuation line', 'warning: no writable cgroups']);
  });

  it('O-91 counts long steps in tenths of seconds, and never below zero', () => {
    const { lines } = render([started(run, 0), log(run, 'x\n', { time: 123_456 }), done(run, -5)]);
    expect(lines.slice(1)).toEqual(['#1 123.5 x', '#1 DONE 0.000s']);
  });
});
