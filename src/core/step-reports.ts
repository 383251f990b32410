import type { Digest } from './digest.ts';
import type { BuildEvent, EmitBuildEvent, StepLabel } from './events.ts';
import type { MissReason } from './miss.ts';
import type { Usage } from './usage.ts';

/** How a step of a build fared. */
export interface StepReport {
  /** Names the step within its build. */
  readonly id: Digest;
  readonly name: string;
  readonly status: 'done' | 'cached' | 'failed' | 'cancelled';
  /** From its start to its end; 0 for a cached one. */
  readonly milliseconds: number;
  /** Of one that ran: why the cache did not answer, the weightiest reason first. */
  readonly reasons?: readonly MissReason[] | undefined;
  /** Of a cached one: what its result was imported from. */
  readonly from?: string | undefined;
  /** Of steps that ran a program. */
  readonly usage?: Usage | undefined;
}

/** Passes events on and keeps what they tell of steps that have ended, in the order of their ends. */
export function collectSteps(emit: EmitBuildEvent): {
  readonly emit: EmitBuildEvent;
  readonly steps: readonly StepReport[];
} {
  const started = new Map<Digest, Extract<BuildEvent, { type: 'step-started' }>>();
  const steps: StepReport[] = [];
  const ended = (
    { id, name }: StepLabel,
    { time, ...end }: Pick<StepReport, 'status' | 'usage' | 'from'> & { readonly time: number },
  ): void => {
    const { time: start = time, why: reasons } = started.get(id) ?? {};
    steps.push({ id, name, milliseconds: Math.max(0, time - start), reasons, ...end });
  };
  const keep = (event: BuildEvent): void => {
    switch (event.type) {
      case 'step-started':
        started.set(event.step.id, event);
        return;
      case 'step-cached':
        ended(event.step, { status: 'cached', time: event.time, from: event.from });
        return;
      case 'step-done':
        ended(event.step, { status: 'done', time: event.time, usage: event.usage });
        return;
      case 'step-failed':
        ended(event.step, { status: 'failed', time: event.time, usage: event.usage });
        return;
      case 'step-cancelled':
        ended(event.step, { status: 'cancelled', time: event.time });
        return;
      case 'step-log':
      case 'status':
      case 'warning':
        return;
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
