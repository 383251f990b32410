import { stderr } from 'node:process';

import { containerFolder, execProcess, type ContainerRecord, type ExecOptions } from '../../ops/index.ts';
import { execInContainer, exitCodeOf, type Container } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import { forwardSignals } from './forward.ts';
import { demandOfContainer } from './protocol.ts';
import { requireRunning } from './running.ts';

/** Runs a command in a container, on this process's own terminal and descriptors; gives its exit status. */
export async function execForeground(
  store: Store,
  record: ContainerRecord,
  options: ExecOptions & { readonly interactive: boolean },
): Promise<number> {
  const target = await requireRunning(store, record);
  const started = Promise.withResolvers<Container>();
  // Before its first output, which somebody may be waiting for to send one.
  await using _signals = forwardSignals({
    signal: async (signal) => (await started.promise).signal(signal),
    kill: async () => (await started.promise).kill(),
  });
  await using process = await execInContainer({
    spec: record.spec,
    target,
    process: execProcess(record, options),
    stdio: options.terminal === true ? 'terminal' : 'inherit',
    stdin: options.interactive ? 'caller' : 'none',
    privileged: options.privileged,
  });
  started.resolve(process);
  for (const warning of process.warnings) stderr.write(`warning: ${warning}\n`);
  return exitCodeOf(await process.wait());
}

/** Leaves it to whoever runs the container, and returns when it has begun. */
export async function execDetached(
  store: Store,
  record: ContainerRecord,
  options: ExecOptions,
): Promise<void> {
  await requireRunning(store, record);
  await demandOfContainer(containerFolder(store, record.id), { command: 'exec', options });
}
