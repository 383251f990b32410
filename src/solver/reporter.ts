import {
  fromErrno,
  TsbuildError,
  type Digest,
  type EmitBuildEvent,
  type MissReason,
  type StepLabel,
  type Usage,
} from '../core/index.ts';
import type { RunContext, Vertex } from './types.ts';

/** Tells observers how each vertex fares: once as cached, or once as started and once as done, failed or cancelled. */
export class StepReporter<R> {
  readonly #emit: EmitBuildEvent;
  /** How many consumers of a vertex may still ask for it. */
  readonly #undecided = new Map<Digest, number>();
  readonly #asked = new Set<Digest>();
  readonly #usage = new Map<Digest, Usage>();

  constructor(targets: readonly Vertex<R>[], emit: EmitBuildEvent) {
    this.#emit = emit;
    // One target may stand on another, which reports for itself all the same.
    for (const { id } of targets) this.#asked.add(id);
    const seen = new Set<Digest>();
    const open = [...targets];
    for (let vertex = open.pop(); vertex !== undefined; vertex = open.pop()) {
      if (seen.has(vertex.id)) continue;
      seen.add(vertex.id);
      for (const input of vertex.inputs) {
        this.#undecided.set(input.id, (this.#undecided.get(input.id) ?? 0) + 1);
        open.push(input);
      }
    }
  }

  /** Its result is wanted, so that it will report for itself. */
  asked(vertex: Vertex<R>): void {
    this.#asked.add(vertex.id);
  }

  /** A hit answers for all below it that nothing else asks for: shown as cached too, and before it. */
  cached(vertex: Vertex<R>, from?: string): void {
    const answered = new Map([[vertex.id, vertex]]);
    for (const each of answered.values()) {
      for (const input of each.inputs) if (this.#isIdle(input)) answered.set(input.id, input);
    }
    this.#emitCached(vertex, answered, from);
  }

  /** One consumer less: true when that was the last, and nothing has asked for it. */
  #isIdle(vertex: Vertex<R>): boolean {
    const left = (this.#undecided.get(vertex.id) ?? 0) - 1;
    this.#undecided.set(vertex.id, left);
    return left === 0 && !this.#asked.has(vertex.id);
  }

  #emitCached(vertex: Vertex<R>, left: Map<Digest, Vertex<R>>, from: string | undefined): void {
    if (!left.delete(vertex.id)) return;
    for (const input of vertex.inputs) this.#emitCached(input, left, from);
    this.#emit({ type: 'step-cached', ...shownOf(vertex), from, time: Date.now() });
  }

  waiting({ name }: Vertex<R>, holder: string): void {
    this.#emit({
      type: 'warning',
      message: `${name}: waiting for process ${holder}, which is at work on it`,
    });
  }

  started(vertex: Vertex<R>, why: readonly MissReason[]): void {
    this.#emit({ type: 'step-started', ...shownOf(vertex), why, time: Date.now() });
  }

  done(vertex: Vertex<R>): void {
    const usage = this.#usage.get(vertex.id);
    this.#emit({ type: 'step-done', step: labelOf(vertex), time: Date.now(), usage });
  }

  failed(vertex: Vertex<R>, error: unknown): void {
    this.#emit({
      type: 'step-failed',
      step: labelOf(vertex),
      error: asTsbuildError(error),
      time: Date.now(),
      usage: this.#usage.get(vertex.id),
    });
  }

  cancelled(vertex: Vertex<R>): void {
    this.#emit({ type: 'step-cancelled', step: labelOf(vertex), time: Date.now() });
  }

  /** What an executing vertex says of itself. */
  context(vertex: Vertex<R>, signal: AbortSignal): Omit<RunContext, 'withoutSlot'> {
    const step = labelOf(vertex);
    return {
      signal,
      anew: vertex.ignoreCache,
      log: (stream, data) => this.#emit({ type: 'step-log', step, stream, data, time: Date.now() }),
      status: (id, current, total) => this.#emit({ type: 'status', step, id, current, total }),
      warn: (message) => this.#emit({ type: 'warning', message }),
      used: (usage) => this.#usage.set(vertex.id, usage),
    };
  }
}

function labelOf<R>({ id, name }: Vertex<R>): StepLabel {
  return { id, name };
}

function shownOf<R>(vertex: Vertex<R>): { readonly step: StepLabel; readonly inputs: readonly Digest[] } {
  return { step: labelOf(vertex), inputs: vertex.inputs.map(({ id }) => id) };
}

function asTsbuildError(thrown: unknown): TsbuildError {
  const error = fromErrno(thrown, 'the step');
  if (error instanceof TsbuildError) return error;
  return new TsbuildError('INTERNAL', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}
