import { setTimeout as sleep } from 'node:timers/promises';

import { TsbuildError } from '../../core/index.ts';
import {
  containerFolder,
  containerState,
  type ContainerRecord,
  type ContainerState,
} from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { askContainer, demandOfContainer, type ContainerRequest } from './protocol.ts';

const SIGKILL = 9;

/** Of a container whose end nobody saw: it was killed together with its monitor. */
const unknownExitCode = 128 + SIGKILL;

/** Waits until a container has ended, all of its traces included; at once when it does not run. Gives its exit status. */
export async function waitForEnd(store: Store, { id }: ContainerRecord): Promise<number> {
  if (isHeld(await containerState(store, id))) {
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
export async function signalContainer(
  store: Store,
  { id }: ContainerRecord,
  request: Omit<ContainerRequest & { readonly command: 'signal' }, 'command'>,
): Promise<void> {
  await demandOfContainer(containerFolder(store, id), { command: 'signal', ...request });
}

export interface StopOptions {
  /** Instead of the record's, which is 10 unless it says otherwise. */
  readonly seconds?: number | undefined;
  /** Instead of the record's. */
  readonly signal?: number | undefined;
  /** One that would be removed at its end stays. */
  readonly keep?: boolean | undefined;
}

/** Its own stop signal, and after so many seconds SIGKILL. One that does not run is stopped already. */
export async function stopContainer(
  store: Store,
  record: ContainerRecord,
  { seconds = record.stopTimeout ?? 10, signal = record.stopSignal, keep }: StopOptions = {},
): Promise<void> {
  if (!isHeld(await containerState(store, record.id))) return;
  const ended = waitForEnd(store, record);
  const grace = new AbortController();
  try {
    await signalContainer(store, record, { signal, final: true, keep });
    const late = sleep(seconds * 1000, 'late', { signal: grace.signal }).catch(() => undefined);
    if ((await Promise.race([ended, late])) === 'late')
      await signalContainer(store, record, { signal: SIGKILL, final: true });
  } catch (error) {
    if (!isGone(error)) throw error;
  } finally {
    grace.abort();
  }
  await ended;
}

export async function killContainer(store: Store, record: ContainerRecord): Promise<void> {
  try {
    await signalContainer(store, record, { signal: SIGKILL, final: true });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  await waitForEnd(store, record);
}

/** Whether somebody runs it, or is about to start it again. */
function isHeld({ status }: ContainerState): boolean {
  return status === 'running' || status === 'restarting';
}

function isGone(error: unknown): boolean {
  return error instanceof TsbuildError && error.code === 'CONTAINER_STATE';
}
