import { containerFolder, findContainer } from '../../ops/index.ts';
import type { Container } from '../../runtime/index.ts';
import { openStore } from '../../store/index.ts';
import { liveContainer } from './life.ts';
import { openLog } from './log.ts';

export interface MonitorOptions {
  readonly root: string;
  readonly id: string;
  /** Called when the program runs. */
  readonly onStarted: (warnings: readonly string[]) => void;
}

/** Runs a detached container to its end: log, state, commands over a socket, removal. */
export async function monitorContainer({ root, id, onStarted }: MonitorOptions): Promise<void> {
  await using store = await openStore(root);
  const record = findContainer(store, id);
  let warnings: readonly string[] = [];
  await liveContainer(store, record, {
    attach: (container) => {
      ({ warnings } = container);
      const held = new AsyncDisposableStack();
      held.use(logOutput(containerFolder(store, id), container));
      held.use(stopAtShutdown(container, record.stopSignal));
      return held;
    },
    onStarted: () => onStarted(warnings),
  });
}

/** Its end is that of the output, not of the program alone: what it left in the pipes belongs into the log. */
function logOutput(folder: string, container: Container): AsyncDisposable {
  const log = openLog(folder);
  const copied = [log.copy('stdout', container.stdout), log.copy('stderr', container.stderr)];
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(copied);
      await log[Symbol.asyncDispose]();
    },
  };
}

/** A machine that goes down asks every process to end: the program shall hear it the way it expects. */
function stopAtShutdown(container: Container, stopSignal: number): AsyncDisposable {
  const stop = (): void => {
    container.signal(stopSignal).catch(() => undefined);
  };
  process.on('SIGTERM', stop);
  return { [Symbol.asyncDispose]: async () => void process.off('SIGTERM', stop) };
}
