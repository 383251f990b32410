import { join } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import {
  containerFolder,
  deleteContainer,
  tryContainerLock,
  writeState,
  type ContainerRecord,
  type ContainerState,
} from '../../ops/index.ts';
import { createRuntime, exitCodeOf, type Container } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import { serveContainer } from './serve.ts';

export interface LifeHooks {
  /** It is set up, but does not run yet. What is returned is disposed of when the program has ended. */
  attach(container: Container): AsyncDisposable;
  /** The program runs. */
  onStarted?: (() => void) | undefined;
}

type Exited = Extract<ContainerState, { status: 'exited' }>;

/**
 * Runs a container from its first moment to its last, and gives its exit status: in the terminal of the command that
 * started it, or in a monitor's process. Throws what kept it from running, and then nothing of it is left.
 */
export async function liveContainer(
  store: Store,
  record: ContainerRecord,
  hooks: LifeHooks,
): Promise<number> {
  const { id, name, autoRemove } = record;
  await using lock = await tryContainerLock(store, id);
  if (lock === undefined) throw new TsbuildError('CONTAINER_STATE', `container ${name} is running already`);
  const settled = Promise.withResolvers<number>();
  await using control = await serveContainer(containerFolder(store, id), settled.promise);
  let started: string | undefined;
  const end = async (exited: Exited): Promise<number> => {
    if (autoRemove) deleteContainer(store, id);
    else writeState(store, id, exited);
    settled.resolve(exited.exitCode);
    return exited.exitCode;
  };
  try {
    const onStarted = (container: Container): void => {
      started = new Date().toISOString();
      control.attach(container);
      writeState(store, id, { status: 'running', pid: container.pid, started });
      hooks.onStarted?.();
    };
    const ended = await runToEnd(store, record, {
      attach: (container) => hooks.attach(container),
      onStarted,
    });
    return await end({ status: 'exited', started, finished: new Date().toISOString(), ...ended });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const exitCode = 125;
    if (started === undefined) deleteContainer(store, id);
    else await end({ status: 'exited', exitCode, started, finished: new Date().toISOString(), error: text });
    settled.resolve(exitCode);
    throw error;
  }
}

async function runToEnd(
  store: Store,
  record: ContainerRecord,
  hooks: Pick<LifeHooks, 'attach'> & { readonly onStarted: (container: Container) => void },
): Promise<Pick<Exited, 'exitCode' | 'outOfMemory'>> {
  const runtime = createRuntime({ stubs: join(store.root, 'runtime') });
  await using container = await runtime.create(record.spec);
  const exitCode = await attached(container, hooks);
  const { oomKills = 0 } = await container.usage();
  return { exitCode, ...(oomKills > 0 && { outOfMemory: true }) };
}

async function attached(
  container: Container,
  hooks: Pick<LifeHooks, 'attach'> & { readonly onStarted: (container: Container) => void },
): Promise<number> {
  await using _attached = hooks.attach(container);
  try {
    await container.start();
    hooks.onStarted(container);
    return exitCodeOf(await container.wait());
  } catch (error) {
    // What is attached may wait for the end of its output.
    await container.kill();
    throw error;
  }
}
