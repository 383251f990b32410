import { setTimeout as sleep } from 'node:timers/promises';

import { TsbuildError } from '../../core/index.ts';
import { containerFolder, containerState, type ContainerRecord } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { askContainer } from './protocol.ts';

const SIGKILL = 9;

/** Of a container whose end nobody saw: it was killed together with its monitor. */
const unknownExitCode = 128 + SIGKILL;

/** Waits until a container has ended, all of its traces included; at once when it does not run. Gives its exit status. */
export async function waitForEnd(store: Store, { id }: ContainerRecord): Promise<number> {
  if ((await containerState(store, id)).status === 'running') {
    try {
      const answer = await askContainer(containerFolder(store, id), { command: 'wait' });
      if (answer.ok && answer.exitCode !== undefined) return answer.exitCode;
    } catch (error) {
      // It ended just now, or was killed: then its state tells.
      if (!isGone(error)) throw error;
    }
  }
  const state = await containerState(store, id);
  return state.status === 'exited' ? state.exitCode : state.status === 'created' ? 0 : unknownExitCode;
}

/** Throws CONTAINER_STATE when it does not run. */
export async function signalContainer(store: Store, { id }: ContainerRecord, signal: number): Promise<void> {
  const answer = await askContainer(containerFolder(store, id), { command: 'signal', signal });
  if (!answer.ok) throw new TsbuildError('CONTAINER_STATE', answer.error);
}

/** Its own stop signal, and after so many seconds SIGKILL. One that does not run is stopped already. */
export async function stopContainer(store: Store, record: ContainerRecord, seconds: number): Promise<void> {
  if ((await containerState(store, record.id)).status !== 'running') return;
  const ended = waitForEnd(store, record);
  const grace = new AbortController();
  try {
    await signalContainer(store, record, record.stopSignal);
    const late = sleep(seconds * 1000, 'late', { signal: grace.signal }).catch(() => undefined);
    if ((await Promise.race([ended, late])) === 'late') await signalContainer(store, record, SIGKILL);
  } catch (error) {
    if (!isGone(error)) throw error;
  } finally {
    grace.abort();
  }
  await ended;
}

export async function killContainer(store: Store, record: ContainerRecord): Promise<void> {
  try {
    await signalContainer(store, record, SIGKILL);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  await waitForEnd(store, record);
}

function isGone(error: unknown): boolean {
  return error instanceof TsbuildError && error.code === 'CONTAINER_STATE';
}
