import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { ContainerRecord } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { makeCommand } from '../command.ts';
import { forEachName } from '../each-name.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { addStopOptions, stopOptions, type StopFlags } from '../stop-flags.ts';
import { withStore } from '../with-store.ts';

export function stopCommand(status: ExitStatusHolder): Command {
  const command = addStopOptions(makeCommand('stop', 'Stop running containers'));
  return command.action(async (names: readonly string[], flags: StopFlags) => {
    const { stopContainer } = await import('../container/end.ts');
    const options = await stopOptions(flags);
    await eachContainer({ command, names, status }, async (store, record, name) => {
      await stopContainer(store, record, options);
      process.stdout.write(`${name}\n`);
    });
  });
}

export function killCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('kill', 'Send a signal to running containers')
    .argument('<container...>', 'names or ids')
    .option('-s, --signal <signal>', 'name or number', 'KILL');
  return command.action(async (names: readonly string[], flags: { signal: string }) => {
    const { signalNumber } = await import('../../ops/index.ts');
    const { signalContainer } = await import('../container/end.ts');
    const signal = signalNumber(flags.signal);
    await eachContainer({ command, names, status }, async (store, record, name) => {
      await signalContainer(store, record, { signal });
      process.stdout.write(`${name}\n`);
    });
  });
}

export function waitCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('wait', 'Wait until containers end, and print their exit statuses').argument(
    '<container...>',
    'names or ids',
  );
  return command.action(async (names: readonly string[]) => {
    const { waitForEnd } = await import('../container/end.ts');
    await eachContainer({ command, names, status }, async (store, record) => {
      process.stdout.write(`${await waitForEnd(store, record)}\n`);
    });
  });
}

export function rmCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('rm', 'Remove containers, with all that they wrote')
    .argument('<container...>', 'names or ids')
    .option('-f, --force', 'kill those that run')
    .option('-v, --volumes', 'remove the volumes that were made for them alone, too');
  return command.action(async (names: readonly string[], flags: RmFlags) => {
    const { killContainer } = await import('../container/end.ts');
    await eachContainer({ command, names, status }, async (store, record, name) => {
      if (flags.force === true) await killContainer(store, record);
      await removeContainer(store, record, { volumes: flags.volumes === true });
      process.stdout.write(`${name}\n`);
    });
  });
}

interface RmFlags {
  readonly force?: boolean;
  readonly volumes?: boolean;
}

async function removeContainer(
  store: Store,
  record: ContainerRecord,
  { volumes }: { readonly volumes: boolean },
): Promise<void> {
  const { id, name } = record;
  const { containerLock, containerState, deleteContainer, discardContainer, hasRecord, tryContainerLock } =
    await import('../../ops/index.ts');
  const { status } = await containerState(store, id);
  // One that has ended may be held a moment longer, as may one of --rm that is just removing itself; one that was
  // created may be about to run.
  const mayRun =
    status === 'running' || status === 'restarting' || (status === 'created' && hasRecord(store, id));
  await using lock = mayRun ? await tryContainerLock(store, id) : await containerLock(store, id);
  if (lock === undefined) {
    throw new TsbuildError(
      'CONTAINER_STATE',
      `container ${name} is ${status === 'restarting' ? 'about to start again' : 'running'}`,
      {
        hint: 'stop it first, or use --force',
      },
    );
  }
  // What --rm promised, and nobody lived to keep.
  if (volumes || record.autoRemove) await discardContainer(store, record);
  else deleteContainer(store, id);
}

/** Does the same to each container that the command line names; see `forEachName`. */
export async function eachContainer(
  given: { readonly command: Command; readonly names: readonly string[]; readonly status: ExitStatusHolder },
  action: (store: Store, record: ContainerRecord, name: string) => Promise<void>,
): Promise<void> {
  await withStore(storeRoot(given.command), async (store) => {
    const { findContainer } = await import('../../ops/index.ts');
    await forEachName(given.names, given.status, (name) => action(store, findContainer(store, name), name));
  });
}
