import { containerLock, discardContainer, writeBundle, type ContainerRecord } from '../../ops/index.ts';
import { openStore, type Store } from '../../store/index.ts';
import { interruptSignal } from '../interrupt.ts';
import { startDetached } from './detach.ts';
import { runForeground } from './foreground.ts';
import { makeContainer, type ContainerToMake } from './make-container.ts';
import { startAttached } from './start.ts';

export interface RunImageOptions extends ContainerToMake {
  readonly root: string;
  readonly detach: boolean;
  /** A folder to make: an OCI bundle is written to it, and nothing run. */
  readonly bundle?: string | undefined;
}

/** `run`: makes a container of an image and starts it; gives the exit status for the command line. */
export async function runImage(options: RunImageOptions): Promise<number> {
  await using store = await openStore(options.root);
  using starting = new DisposableStack();
  using interrupt = interruptSignal();
  const record = await makeContainer(store, { ...options, starting });
  if (options.bundle === undefined && !options.detach && !needsMonitor(record))
    return await runForeground(store, record, interrupt);
  interrupt[Symbol.dispose]();
  if (options.bundle !== undefined) return await printBundle(store, record, options.bundle);
  if (!options.detach) {
    return await startAttached(store, record, {
      stdin: record.openStdin === true,
      detachKeys: record.detachKeys,
    });
  }
  await startDetached(store, record);
  process.stdout.write(`${record.id}\n`);
  return 0;
}

/** It can live longer than this command, or is looked after while it runs. */
function needsMonitor({ restart, healthCheck, detachKeys }: ContainerRecord): boolean {
  return (restart ?? { name: 'no' }).name !== 'no' || healthCheck !== undefined || detachKeys !== undefined;
}

async function printBundle(store: Store, record: ContainerRecord, folder: string): Promise<number> {
  using interrupt = interruptSignal();
  try {
    await writeBundle(record, { folder, signal: interrupt.signal });
  } finally {
    await using _lock = await containerLock(store, record.id);
    await discardContainer(store, record);
  }
  return 0;
}
