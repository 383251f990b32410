import type { Digest } from './digest.ts';
import type { BuildEvent, EmitBuildEvent } from './events.ts';
import type { Usage } from './usage.ts';

/** How a step of a build that succeeded fared. */
export interface StepReport {
  readonly name: string;
  readonly status: 'done' | 'cached';
  /** From its start to its end; 0 for a cached one. */
  readonly milliseconds: number;
  /** Of steps that ran a program. */
  readonly usage?: Usage | undefined;
}

/** Passes events on and keeps what they tell of steps that have ended, in the order of their ends. */
export function collectSteps(emit: EmitBuildEvent): {
  readonly emit: EmitBuildEvent;
  readonly steps: readonly StepReport[];
} {
  const started = new Map<Digest, number>();
  const steps: StepReport[] = [];
  const keep = (event: BuildEvent): void => {
    if (event.type === 'step-started') started.set(event.step.id, event.time);
    if (event.type === 'step-cached')
      steps.push({ name: event.step.name, status: 'cached', milliseconds: 0 });
    if (event.type === 'step-done') {
      const { step, time, usage } = event;
      const milliseconds = Math.max(0, time - (started.get(step.id) ?? time));
      steps.push({ name: step.name, status: 'done', milliseconds, usage });
    }
  };
  return {
    steps,
    emit: (event) => {
      keep(event);
      emit(event);
    },
  };
}
