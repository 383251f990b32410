import { TsbuildError } from '../../core/index.ts';
import { containerState, type ContainerRecord, type ContainerState } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';

export type RunningState = Extract<ContainerState, { status: 'running' }>;

/** Throws CONTAINER_STATE when it does not run, or is paused. */
export async function requireRunning(store: Store, record: ContainerRecord): Promise<RunningState> {
  const state = await containerState(store, record.id);
  if (state.status !== 'running') throw notRunning(record, state);
  if (state.paused !== true) return state;
  throw new TsbuildError('CONTAINER_STATE', `container ${record.name} is paused`, {
    hint: `let it go on first: tsbuild unpause ${record.name}`,
  });
}

export function notRunning({ name }: ContainerRecord, { status }: ContainerState): TsbuildError {
  if (status === 'restarting') {
    return new TsbuildError('CONTAINER_STATE', `container ${name} is between two starts`, {
      hint: `tsbuild logs ${name} may tell why it ends`,
    });
  }
  return new TsbuildError('CONTAINER_STATE', `container ${name} is not running`, {
    hint: `start it first: tsbuild start ${name}`,
  });
}
