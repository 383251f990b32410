import { TsbuildError } from '../../core/index.ts';
import { containerFolder, containerState, type ContainerRecord } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { demandOfContainer } from './protocol.ts';

/** As `pausedContainer`; where pausing is not possible it runs on, and `warn` is told. */
export async function pausedIfPossible(
  store: Store,
  record: ContainerRecord,
  warn: (message: string) => unknown,
): Promise<AsyncDisposable> {
  try {
    return await pausedContainer(store, record);
  } catch (error) {
    if (!(error instanceof TsbuildError) || error.code !== 'LIMIT_UNAVAILABLE') throw error;
    warn(`the container runs on while its files are read: ${error.message}`);
    return { [Symbol.asyncDispose]: async () => undefined };
  }
}

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
