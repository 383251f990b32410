import { assertNever, type BuildEvent, type Digest, type StepLabel } from '../../core/index.ts';
import type { Progress } from './plain.ts';

/**
 * BuildKit's `rawjson` (O-90): one JSON object a line, each a `SolveStatus` of its client with the members that changed.
 * `usage` and `reasons` of a vertex are additions; docs/progress.md has the whole schema.
 */
export function rawJsonProgress(write: (text: string) => void): Progress {
  const started = new Map<Digest, string>();
  const line = (value: Readonly<Record<string, unknown>>): void => write(`${JSON.stringify(value)}\n`);
  const vertex = (step: StepLabel, more: Readonly<Record<string, unknown>>): void =>
    line({ vertexes: [{ digest: step.id, name: step.name, started: started.get(step.id), ...more }] });
  return {
    // What a failed step wrote stands in the lines already.
    failure: () => undefined,
    handle(event) {
      switch (event.type) {
        case 'step-started':
          started.set(event.step.id, timestamp(event.time));
          vertex(event.step, { inputs: event.inputs ?? [], reasons: event.why });
          return;
        case 'step-cached': {
          const time = timestamp(event.time);
          const { inputs = [], from } = event;
          vertex(event.step, { inputs, started: time, completed: time, cached: true, from });
          return;
        }
        case 'step-log':
          line({ logs: [logOf(event)] });
          return;
        case 'step-done':
          vertex(event.step, { completed: timestamp(event.time), usage: event.usage });
          return;
        case 'step-failed': {
          const { error, usage } = event;
          vertex(event.step, { completed: timestamp(event.time), error: error.message, usage });
          return;
        }
        case 'step-cancelled':
          vertex(event.step, { completed: timestamp(event.time), error: 'context canceled' });
          return;
        case 'status': {
          const { id, current, total, step } = event;
          line({ statuses: [{ id, vertex: step.id, current, total, timestamp: timestamp(Date.now()) }] });
          return;
        }
        case 'warning':
          line({ warnings: [warningOf(event)] });
          return;
        default:
          assertNever(event);
      }
    },
  };
}

/** Go prints bytes as base64, and output need not be text. */
function logOf({ step, stream, data, time }: Extract<BuildEvent, { type: 'step-log' }>): object {
  return {
    vertex: step.id,
    stream: stream === 'stdout' ? 1 : 2,
    data: base64(data),
    timestamp: timestamp(time),
  };
}

function warningOf({ message, file, range }: Extract<BuildEvent, { type: 'warning' }>): object {
  const place = range === undefined ? undefined : { line: range.startLine, character: 0 };
  return {
    level: 1,
    short: base64(Buffer.from(message)),
    sourceInfo: file === undefined ? undefined : { filename: file },
    range: place === undefined ? undefined : [{ start: place, end: { ...place, line: range?.endLine } }],
  };
}

function base64(data: Uint8Array): string {
  return Buffer.from(data).toString('base64');
}

function timestamp(time: number): string {
  return new Date(time).toISOString();
}
