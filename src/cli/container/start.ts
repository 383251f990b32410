import { containerState, type ContainerRecord } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { attachTo, type AttachOptions } from './attach.ts';
import { startDetached } from './detach.ts';
import { stopContainer, type StopOptions } from './end.ts';

/** Starts a container that was created or has ended; one that runs already is left alone. */
export async function startContainer(store: Store, record: ContainerRecord): Promise<void> {
  if (!(await isRunning(store, record))) await startDetached(store, record, 'again');
}

/** The same, attached to it from its first output on; gives the exit status. */
export async function startAttached(
  store: Store,
  record: ContainerRecord,
  options: Omit<AttachOptions, 'start' | 'signals'>,
): Promise<number> {
  const start = !(await isRunning(store, record));
  if (start) await startDetached(store, record, 'held');
  return attachTo(store, record, { ...options, start, signals: true });
}

/** Stops it if it runs, and starts it. */
export async function restartContainer(
  store: Store,
  record: ContainerRecord,
  options: StopOptions,
): Promise<void> {
  await stopContainer(store, record, { ...options, keep: true });
  await startDetached(store, record, 'again');
}

async function isRunning(store: Store, { id }: ContainerRecord): Promise<boolean> {
  const { status } = await containerState(store, id);
  return status === 'running' || status === 'restarting';
}
