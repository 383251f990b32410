import { TsbuildError, type SourceExcerpt } from '../core/index.ts';
import type { Step, StepOp } from '../graph/index.ts';
import type { Op, Vertex } from '../solver/index.ts';
import { CopyOp } from './copy/copy-op.ts';
import { ImageOp } from './image.ts';
import { RunOp } from './run.ts';
import { emptyState, stateOf } from './state.ts';
import type { BuildServices, State } from './types.ts';
import { WorkdirOp } from './workdir.ts';

/** The solver's graph of a plan: one vertex for each step, errors placed in the Dockerfile. */
export function verticesOf(target: Step, services: BuildServices): Vertex<State> {
  const made = new Map<string, Vertex<State>>();
  const visit = (step: Step): Vertex<State> => {
    const existing = made.get(step.id);
    if (existing !== undefined) return existing;
    const vertex: Vertex<State> = {
      id: step.id,
      name: step.name,
      identity: step.identity,
      op: placed(opOf(step.op, services), step.at),
      inputs: step.inputs.map(visit),
      ignoreCache: step.ignoreCache,
      heavy: step.op.kind !== 'scratch',
    };
    made.set(step.id, vertex);
    return vertex;
  };
  return visit(target);
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
  }
}

const scratchOp: Op<State> = {
  cacheMap: async () => ({ parts: { op: 'scratch' }, inputs: [] }),
  exec: async () => stateOf(emptyState),
};

function placed(op: Op<State>, at: SourceExcerpt | undefined): Op<State> {
  if (at === undefined) return op;
  return {
    cacheMap: (signal) => locate(at, () => op.cacheMap(signal)),
    exec: (inputs, context) => locate(at, () => op.exec(inputs, context)),
  };
}

async function locate<T>(at: SourceExcerpt, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof TsbuildError && error.code !== 'INTERRUPTED') throw error.locatedAt(at);
    throw error;
  }
}
