import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import { makeCommand } from '../command.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { addStopOptions, stopOptions, type StopFlags } from '../stop-flags.ts';
import { withStore } from '../with-store.ts';
import { eachContainer } from './containers.ts';

interface StartFlags {
  readonly attach?: boolean;
  readonly interactive?: boolean;
  readonly detachKeys?: string;
}

const detachKeysAbout = 'keys that leave its terminal (default: ctrl-p,ctrl-q)';

export function startCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('start', 'Start containers that were created or have ended')
    .argument('<container...>', 'names or ids')
    .option('-a, --attach', 'show its output, pass signals on, and end with its exit status')
    .option('-i, --interactive', 'pass standard input on, too')
    .option('--detach-keys <keys>', detachKeysAbout);
  return command.action(async (names: readonly string[], flags: StartFlags) => {
    const { startAttached, startContainer } = await import('../container/start.ts');
    if (flags.attach !== true && flags.interactive !== true) {
      await eachContainer({ command, names, status }, async (store, record, name) => {
        await startContainer(store, record);
        process.stdout.write(`${name}\n`);
      });
      return;
    }
    const [name = '', ...more] = names;
    if (more.length > 0) throw new TsbuildError('USAGE', 'only one container can be attached to at a time');
    const detachKeys = await keysOf(flags.detachKeys);
    await withStore(storeRoot(command), async (store) => {
      const { findContainer } = await import('../../ops/index.ts');
      const options = { stdin: flags.interactive === true, detachKeys };
      status.code = await startAttached(store, findContainer(store, name), options);
    });
  });
}

export function restartCommand(status: ExitStatusHolder): Command {
  const command = addStopOptions(makeCommand('restart', 'Stop containers, and start them again'));
  return command.action(async (names: readonly string[], flags: StopFlags) => {
    const { restartContainer } = await import('../container/start.ts');
    const options = await stopOptions(flags);
    await eachContainer({ command, names, status }, async (store, record, name) => {
      await restartContainer(store, record, options);
      process.stdout.write(`${name}\n`);
    });
  });
}

interface AttachFlags {
  readonly stdin: boolean;
  readonly sigProxy: boolean;
  readonly detachKeys?: string;
}

export function attachCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('attach', 'Attach to the input and output of a running container')
    .argument('<container>', 'name or id')
    .option('--no-stdin', 'output only')
    .option('--no-sig-proxy', 'keep signals, such as Ctrl-C, from the container')
    .option('--detach-keys <keys>', detachKeysAbout);
  return command.action(async (name: string, flags: AttachFlags) => {
    const detachKeys = await keysOf(flags.detachKeys);
    await withStore(storeRoot(command), async (store) => {
      const { findContainer } = await import('../../ops/index.ts');
      const { attachTo } = await import('../container/attach.ts');
      const { requireRunning } = await import('../container/running.ts');
      const record = findContainer(store, name);
      await requireRunning(store, record);
      status.code = await attachTo(store, record, {
        stdin: flags.stdin && record.openStdin === true,
        start: false,
        signals: flags.sigProxy,
        detachKeys,
      });
    });
  });
}

async function keysOf(text: string | undefined): Promise<readonly number[] | undefined> {
  if (text === undefined) return undefined;
  const { parseDetachKeys } = await import('../detach-keys.ts');
  return parseDetachKeys(text);
}
