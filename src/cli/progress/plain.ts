import { StringDecoder } from 'node:string_decoder';

import type { BuildEvent, StepLabel } from '../../core/index.ts';

/** Output of a step that is kept for the report of its failure. */
const tailLines = 20;

interface StepView {
  readonly number: number;
  readonly decoders: { readonly stdout: StringDecoder; readonly stderr: StringDecoder };
  started: number | undefined;
  partial: string;
  tail: string[];
}

export interface Progress {
  handle(event: BuildEvent): void;
  /** Last lines of the failed step's output, for the final error. */
  failure(): { readonly name: string; readonly lines: readonly string[] } | undefined;
}

/**
 * BuildKit's plain progress: `#N [stage i/n] NAME`, `#N 0.123 line`, `#N CACHED`, `#N DONE 1.2s`. One line an event,
 * so that logs of parallel steps stay readable in a file.
 */
export function plainProgress(write: (text: string) => void): Progress {
  const steps = new Map<string, StepView>();
  let failed: { name: string; lines: readonly string[] } | undefined;

  const view = (step: StepLabel): StepView => {
    const existing = steps.get(step.id);
    if (existing !== undefined) return existing;
    const made: StepView = {
      number: steps.size + 1,
      decoders: { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') },
      started: undefined,
      partial: '',
      tail: [],
    };
    steps.set(step.id, made);
    write(`#${made.number} ${step.name}\n`);
    return made;
  };
  const line = (step: StepView, time: number, text: string): void => {
    step.tail = [...step.tail.slice(1 - tailLines), text];
    write(`#${step.number} ${seconds(time, step.started)} ${text}\n`);
  };
  const flush = (step: StepView, time: number): void => {
    const rest = step.partial + step.decoders.stdout.end() + step.decoders.stderr.end();
    step.partial = '';
    if (rest !== '') line(step, time, rest);
  };

  return {
    failure: () => failed,
    handle(event) {
      switch (event.type) {
        case 'step-started':
          view(event.step).started = event.time;
          return;
        case 'step-cached':
          write(`#${view(event.step).number} CACHED\n`);
          return;
        case 'step-log': {
          const step = view(event.step);
          const parts = (step.partial + step.decoders[event.stream].write(Buffer.from(event.data))).split(
            '\n',
          );
          step.partial = parts.pop() ?? '';
          for (const text of parts) line(step, event.time, lastPrinted(text));
          return;
        }
        case 'step-done': {
          const step = view(event.step);
          flush(step, event.time);
          write(`#${step.number} DONE ${seconds(event.time, step.started)}s\n`);
          return;
        }
        case 'step-failed': {
          const step = view(event.step);
          flush(step, event.time);
          failed ??= { name: event.step.name, lines: step.tail };
          write(`#${step.number} ERROR: ${event.error.message}\n`);
          return;
        }
        case 'step-cancelled':
          flush(view(event.step), event.time);
          write(`#${view(event.step).number} CANCELED\n`);
          return;
        case 'status':
          return;
        case 'warning':
          write(
            `warning: ${event.file === undefined ? '' : `${event.file}:${event.range?.startLine ?? 1}: `}${event.message}\n`,
          );
          return;
      }
    },
  };
}

/** Programs that redraw a line with carriage returns: what stands there in the end. */
function lastPrinted(text: string): string {
  const shown = text.replace(/\r+$/, '');
  return shown.slice(shown.lastIndexOf('\r') + 1);
}

function seconds(time: number, started: number | undefined): string {
  return ((time - (started ?? time)) / 1000).toFixed(time - (started ?? time) < 100_000 ? 3 : 1);
}
