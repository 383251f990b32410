import { fromErrno, TsbuildError, type SourceExcerpt } from '../core/index.ts';
import type { Step, StepOp } from '../graph/index.ts';
import type { Op, Vertex } from '../solver/index.ts';
import { CopyOp } from './copy/copy-op.ts';
import { ImageOp } from './image.ts';
import { MergeOp } from './merge.ts';
import { RunOp } from './run.ts';
import { GitOp } from './sources/git.ts';
import { HttpOp } from './sources/http.ts';
import { LocalOp } from './sources/local.ts';
import { emptyState, stateOf } from './state.ts';
import type { BuildServices, State } from './types.ts';
import { WorkdirOp } from './workdir.ts';

/**
 * The solver's graph of these targets' plans: one vertex for each step, also for one that several have in common. Errors are
 * placed in the Dockerfile.
 */
export function verticesOf(targets: readonly Step[], services: BuildServices): readonly Vertex<State>[] {
  const made = new Map<string, Vertex<State>>();
  const visit = (step: Step): Vertex<State> => {
    const existing = made.get(step.id);
    if (existing !== undefined) return existing;
    const vertex: Vertex<State> = {
      id: step.id,
      name: step.name,
      identity: step.identity,
      op: placed(step, services),
      inputs: step.inputs.map(visit),
      ignoreCache: step.ignoreCache,
      heavy: step.op.kind !== 'scratch',
    };
    made.set(step.id, vertex);
    return vertex;
  };
  return targets.map(visit);
}

function opOf(op: StepOp, services: BuildServices): Op<State> {
  switch (op.kind) {
    case 'scratch':
      return scratchOp;
    case 'image':
      return new ImageOp(op.base, op.platform, services);
    case 'run':
      return new RunOp(op, services);
    case 'copy':
      return new CopyOp(op, services);
    case 'workdir':
      return new WorkdirOp(op, services);
    case 'local':
      return new LocalOp(op, services);
    case 'merge':
      return new MergeOp(services);
    case 'http':
      return new HttpOp(op.source, services);
    case 'git':
      return new GitOp(op.source, services);
  }
}

const scratchOp: Op<State> = {
  cacheMap: async () => ({ parts: { op: 'scratch' }, inputs: [] }),
  exec: async () => stateOf(emptyState),
};

/** Errors show the instruction, those of making the op included. */
function placed({ op: stepOp, at }: Step, services: BuildServices): Op<State> {
  if (at === undefined) return opOf(stepOp, services);
  const place: Place = { at, words: wordsOf(stepOp) };
  let op: Op<State>;
  try {
    op = opOf(stepOp, services);
  } catch (error) {
    throw locatedError(error, place);
  }
  return {
    cacheMap: (signal) => locate(place, () => op.cacheMap(signal)),
    prepare: () => op.prepare?.(),
    unfold: async (change) => op.unfold?.(change),
    exec: async (inputs, context) => {
      const state = await locate(place, () => op.exec(inputs, context));
      // What a layer cannot hold shows while it is packed, after the step.
      const settled = locate(place, () => state.settled);
      settled.catch(() => undefined);
      return { ...state, settled };
    },
  };
}

/** Where a step stands in the user's text, and what of it the user would look at. */
interface Place {
  readonly at: SourceExcerpt;
  readonly words: string | undefined;
}

function wordsOf(op: StepOp): string | undefined {
  if (op.kind === 'http') return op.source.url;
  return op.kind === 'git' ? op.source.remote : undefined;
}

async function locate<T>(place: Place, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw locatedError(error, place);
  }
}

/** What the machine refused (a full disk, a file that may not be read) is the user's to know, not a defect. */
function locatedError(thrown: unknown, { at, words = '' }: Place): unknown {
  const error = fromErrno(thrown, (at.lines[0] ?? '').trim());
  if (error instanceof TsbuildError && error.code !== 'INTERRUPTED')
    return error.blaming(words).locatedAt(at);
  return error;
}
