import { containerFolder, containerState, type ContainerRecord } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { demandOfContainer } from './protocol.ts';

/** Pauses a running container until it is disposed of; one that does not run, or is paused already, stays as it is. */
export async function pausedContainer(store: Store, { id }: ContainerRecord): Promise<AsyncDisposable> {
  const state = await containerState(store, id);
  if (state.status !== 'running' || state.paused === true)
    return { [Symbol.asyncDispose]: async () => undefined };
  const folder = containerFolder(store, id);
  await demandOfContainer(folder, { command: 'pause', paused: true });
  return {
    [Symbol.asyncDispose]: async () => {
      await demandOfContainer(folder, { command: 'pause', paused: false });
    },
  };
}
