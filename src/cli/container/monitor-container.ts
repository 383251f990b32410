import { setTimeout as sleep } from 'node:timers/promises';

import { TsbuildError } from '../../core/index.ts';
import { containerFolder, findContainer, type ContainerRecord } from '../../ops/index.ts';
import type { Container, ContainerSpec } from '../../runtime/index.ts';
import { openStore } from '../../store/index.ts';
import { Attachments } from './attachments.ts';
import { liveContainer } from './life.ts';
import { openLog, type LogWriter } from './log.ts';

/**
 * `new`: removed when it cannot be started, since nobody has seen it. `held`: it is set up, and begins when the first
 * command attaches to it.
 */
export type MonitorMode = 'new' | 'again' | 'held';

export interface MonitorOptions {
  readonly root: string;
  readonly id: string;
  readonly mode: MonitorMode;
  /** Called when the program runs; when it is held, as soon as it can. */
  readonly onReady: (warnings: readonly string[]) => void;
}

/** Whoever asked for a held container is gone when it has not begun after so many milliseconds. */
const heldLongest = 60_000;

/** Runs a container in the background to its end: log, state, commands over a socket, restarts, removal. */
export async function monitorContainer({ root, id, mode, onReady }: MonitorOptions): Promise<void> {
  await using store = await openStore(root);
  const record = findContainer(store, id);
  const spec = backgroundSpec(record);
  const attachments = new Attachments({ terminal: spec.stdio === 'terminal' });
  using log = openLog(containerFolder(store, id), record.logOptions);
  let warnings: readonly string[] = [];
  await liveContainer(store, record, {
    spec,
    attachments,
    isNew: mode === 'new',
    attach: (container, found) => {
      warnings = found;
      const held = new AsyncDisposableStack();
      held.use(passOutput(container, log, attachments));
      held.use(stopAtShutdown(container, record.stopSignal));
      return held;
    },
    mayStart: async (asked) => {
      if (mode !== 'held') return;
      onReady(warnings);
      const late = sleep(heldLongest, 'late', { ref: false });
      if ((await Promise.race([asked, late])) === 'late')
        throw new TsbuildError('CONTAINER_STATE', 'nobody attached to the container');
    },
    onStarted: () => onReady(warnings),
  });
}

/** Its streams end here and not at a command's descriptors. A terminal without input keeps waiting for keys. */
function backgroundSpec({ spec, openStdin }: ContainerRecord): ContainerSpec {
  const terminal = spec.stdio === 'terminal';
  const input = terminal || (openStdin ?? spec.stdin === 'caller');
  return {
    ...spec,
    stdio: terminal ? 'terminal' : 'inherit',
    stdin: input ? 'stream' : 'none',
    streams: true,
  };
}

/** Its end is that of the output, not of the program alone: what it left in the pipes belongs into the log. */
function passOutput(container: Container, log: LogWriter, attachments: Attachments): AsyncDisposable {
  const pass = async (kind: 'stdout' | 'stderr'): Promise<void> => {
    const source = container[kind];
    if (source === undefined) return;
    async function* chunks(): AsyncGenerator<Buffer> {
      for await (const chunk of source ?? []) {
        await attachments.send(kind, chunk as Buffer);
        yield chunk as Buffer;
      }
    }
    await log.copy(kind, chunks());
  };
  const passed = [pass('stdout'), pass('stderr')];
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(passed);
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
