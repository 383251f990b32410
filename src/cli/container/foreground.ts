import { constants } from 'node:os';
import { join } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import { deleteContainer, tryContainerLock, writeState, type ContainerRecord } from '../../ops/index.ts';
import { createRuntime, exitCodeOf, type Container } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';

/** Signals that stop or steer a program; all are the container's, none ends this process by itself. */
const forwarded: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

/** Runs a container on this process's own terminal and descriptors until it ends; gives its exit status. */
export async function runForeground(store: Store, record: ContainerRecord): Promise<number> {
  await using _lock = await tryContainerLock(store, record.id);
  try {
    return await runToEnd(store, record);
  } finally {
    if (record.autoRemove) deleteContainer(store, record.id);
  }
}

async function runToEnd(store: Store, record: ContainerRecord): Promise<number> {
  const started = new Date().toISOString();
  try {
    const runtime = createRuntime({ stubs: join(store.root, 'runtime') });
    await using container = await runtime.create(record.spec);
    using _forwarding = forwardSignals(container);
    writeState(store, record.id, { status: 'running', pid: container.pid, started });
    await container.start();
    const exitCode = exitCodeOf(await container.wait());
    writeState(store, record.id, { status: 'exited', exitCode, started, finished: new Date().toISOString() });
    return exitCode;
  } catch (error) {
    const exitCode = error instanceof TsbuildError && /^COMMAND_/.test(error.code) ? error.exitStatus : 125;
    const text = error instanceof Error ? error.message : String(error);
    writeState(store, record.id, {
      status: 'exited',
      exitCode,
      started,
      finished: new Date().toISOString(),
      error: text,
    });
    throw error;
  }
}

function forwardSignals(container: Container): Disposable {
  const forward = (name: NodeJS.Signals): void => {
    // Too late is no error: it has ended meanwhile.
    container.signal(constants.signals[name]).catch(() => undefined);
  };
  for (const name of forwarded) process.on(name, forward);
  return {
    [Symbol.dispose]: () => {
      for (const name of forwarded) process.off(name, forward);
    },
  };
}
