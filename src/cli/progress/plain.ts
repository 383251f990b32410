import type { BuildEvent, Digest, MissReason, StepLabel } from '../../core/index.ts';
import { shortName } from '../plan/groups.ts';
import { reasonText } from '../plan/reason-text.ts';
import { printable, printableLine, printableOutput } from '../terminal-text.ts';
import { OutputLines } from './output-lines.ts';
import { usageText } from './usage-text.ts';

/** Lines of a step's output that are kept for the report of its failure. */
const tailLines = 20;

/** Milliseconds from which on it is told what a step used; of short ones nobody asks. */
const worthUsage = 5000;

interface StepView {
  readonly number: number;
  readonly output: { readonly stdout: OutputLines; readonly stderr: OutputLines };
  started: number | undefined;
  tail: readonly string[];
}

export interface Progress {
  handle(event: BuildEvent): void;
  /** Name and last lines of output of the step that failed first, for the final error. */
  failure(): { readonly name: string; readonly lines: readonly string[] } | undefined;
}

export interface PlainOptions {
  /** Says of each step that runs why the cache did not answer. */
  readonly explain?: boolean | undefined;
}

/**
 * BuildKit's plain progress (O-91): `#N [stage i/n] NAME`, `#N 0.123 line`, `#N CACHED`, `#N DONE 1.2s`,
 * `#N ERROR: …`. One line an event, so that logs of parallel steps stay readable in a file.
 */
export function plainProgress(
  write: (text: string) => void,
  { explain = false }: PlainOptions = {},
): Progress {
  const steps = new Map<string, StepView>();
  const names = new Map<Digest, string>();
  let failed: ReturnType<Progress['failure']>;

  const view = (label: StepLabel): StepView => {
    const existing = steps.get(label.id);
    if (existing !== undefined) return existing;
    const made: StepView = {
      number: steps.size + 1,
      output: { stdout: new OutputLines(), stderr: new OutputLines() },
      started: undefined,
      tail: [],
    };
    steps.set(label.id, made);
    names.set(label.id, shortName(label.name));
    write(`#${made.number} ${printableLine(label.name)}\n`);
    return made;
  };
  const because = (label: StepLabel, why: readonly MissReason[]): void => {
    const text = reasonText(why, { nameOf: (id) => names.get(id) ?? id, undecided: false });
    write(`#${view(label).number} because ${printableLine(text)}\n`);
  };
  const show = (step: StepView, time: number, lines: readonly string[]): void => {
    for (const text of lines.map(printableOutput)) {
      step.tail = [...step.tail.slice(1 - tailLines), text];
      write(`#${step.number} ${seconds(time, step.started)} ${text}\n`);
    }
  };
  /** The step has ended, and what it wrote last had no line end. */
  const ended = (label: StepLabel, time: number): StepView => {
    const step = view(label);
    show(step, time, [...step.output.stdout.end(), ...step.output.stderr.end()]);
    return step;
  };

  return {
    failure: () => failed,
    handle(event) {
      switch (event.type) {
        case 'step-started':
          view(event.step).started = event.time;
          if (explain && event.why !== undefined) because(event.step, event.why);
          return;
        case 'step-cached':
          write(`#${view(event.step).number} CACHED${originText(event.from)}\n`);
          return;
        case 'step-log': {
          const step = view(event.step);
          show(step, event.time, step.output[event.stream].push(event.data));
          return;
        }
        case 'step-done': {
          const step = ended(event.step, event.time);
          const elapsed = event.time - (step.started ?? event.time);
          const used = elapsed < worthUsage ? '' : usageText(event.usage);
          write(`#${step.number} DONE ${seconds(event.time, step.started)}s${used}\n`);
          return;
        }
        case 'step-failed': {
          const step = ended(event.step, event.time);
          failed ??= { name: printableLine(event.step.name), lines: step.tail };
          write(`#${step.number} ERROR: ${printableLine(event.error.message)}\n`);
          return;
        }
        case 'step-cancelled':
          write(`#${ended(event.step, event.time).number} CANCELED\n`);
          return;
        case 'status':
          return;
        case 'warning':
          write(`warning: ${placeOf(event)}${printable(event.message)}\n`);
          return;
      }
    },
  };
}

function originText(from: string | undefined): string {
  return from === undefined ? '' : ` from ${printableLine(from)}`;
}

function placeOf({ file, range }: Extract<BuildEvent, { type: 'warning' }>): string {
  return file === undefined ? '' : `${printableLine(file)}:${range?.startLine ?? 1}: `;
}

function seconds(time: number, started: number | undefined): string {
  const elapsed = Math.max(0, time - (started ?? time));
  return (elapsed / 1000).toFixed(elapsed < 100_000 ? 3 : 1);
}
