import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Command } from 'commander';

import { isErrno, TsbuildError } from '../../core/index.ts';
import type { ContainerRecord, ContainerState } from '../../ops/index.ts';
import { askMonitor } from '../container/protocol.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import type { ExitStatusHolder } from '../program.ts';
import type { Store } from '../../store/index.ts';
import { storeRoot } from '../root.ts';
import { formatAge, shortId } from '../table.ts';
import { withStore } from '../with-store.ts';

export function psCommand(): Command {
  const command = new Command('ps')
    .description('list containers')
    .option('--root <dir>', 'folder of the store');
  command
    .option('-a, --all', 'those that do not run, too')
    .option('-q, --quiet', 'ids only')
    .addOption(formatOption());
  return command.action(async (flags: { all?: boolean; quiet?: boolean; format: ListFormat }) => {
    const rows = await withStore(storeRoot(command), async (store) => {
      const { containerState, listContainers } = await import('../../ops/index.ts');
      return Promise.all(
        listContainers(store).map(async (record) => ({
          record,
          state: await containerState(store, record.id),
        })),
      );
    });
    const shown = rows.filter(({ state }) => flags.all === true || state.status === 'running');
    if (flags.quiet === true) {
      process.stdout.write(shown.map(({ record }) => `${shortId(record.id)}\n`).join(''));
      return;
    }
    const now = Date.now();
    printList(flags.format, {
      headings: ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'NAMES'],
      rows: shown.map(({ record, state }) => {
        const text = record.command.join(' ');
        const commandText = `"${text.length > 20 ? `${text.slice(0, 19)}…` : text}"`;
        const [age, status] = [formatAge(record.created, now), statusText(state, now)];
        return {
          cells: [shortId(record.id), record.image.name, commandText, age, status, record.name],
          json: {
            ID: shortId(record.id),
            Image: record.image.name,
            Command: commandText,
            CreatedAt: record.created,
            State: state.status,
            Status: status,
            Names: record.name,
          },
        };
      }),
    });
  });
}

function statusText(state: ContainerState, now: number): string {
  switch (state.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${formatAge(state.started, now).replace(/ ago$/, '')}`;
    case 'exited':
      return `Exited (${state.exitCode}) ${formatAge(state.finished, now)}`;
    case 'dead':
      return 'Dead (its monitor was killed)';
  }
}

export function stopCommand(): Command {
  const command = new Command('stop')
    .description('stop running containers')
    .option('--root <dir>', 'folder of the store');
  command
    .argument('<container...>', 'names or ids')
    .option('-t, --time <seconds>', 'how long to wait before it is killed', '10');
  return command.action(async (names: readonly string[], flags: { time: string }) => {
    const seconds = Number(flags.time);
    if (!Number.isFinite(seconds) || seconds < 0)
      throw new TsbuildError('USAGE', `--time: invalid value ${JSON.stringify(flags.time)}`);
    await eachContainer(command, names, (folder, record) => stopContainer(folder, record, seconds));
  });
}

async function stopContainer(folder: string, record: ContainerRecord, seconds: number): Promise<void> {
  const ended = askMonitor(folder, { command: 'wait' });
  ended.catch(() => undefined);
  await askMonitor(folder, { command: 'signal', signal: record.stopSignal });
  const timeout = new AbortController();
  const late = new Promise<'late'>((resolve) => {
    const timer = setTimeout(() => resolve('late'), seconds * 1000);
    timeout.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  const first = await Promise.race([ended, late]);
  timeout.abort();
  if (first !== 'late') return;
  await askMonitor(folder, { command: 'signal', signal: 9 });
  await ended;
}

export function killCommand(): Command {
  const command = new Command('kill')
    .description('send a signal to running containers')
    .option('--root <dir>', 'folder of the store');
  command
    .argument('<container...>', 'names or ids')
    .option('-s, --signal <signal>', 'name or number', 'KILL');
  return command.action(async (names: readonly string[], flags: { signal: string }) => {
    const { signalNumber } = await import('../../ops/index.ts');
    const signal = signalNumber(flags.signal);
    await eachContainer(command, names, async (folder) => {
      const answer = await askMonitor(folder, { command: 'signal', signal });
      if (!answer.ok) throw new TsbuildError('CONTAINER_STATE', answer.error);
    });
  });
}

export function waitCommand(): Command {
  const command = new Command('wait')
    .description('wait until containers end and print their exit status')
    .option('--root <dir>', 'folder of the store');
  return command.argument('<container...>', 'names or ids').action(async (names: readonly string[]) => {
    await withStore(storeRoot(command), async (store) => {
      const { containerFolder, containerState, findContainer } = await import('../../ops/index.ts');
      for (const name of names) {
        const { id } = findContainer(store, name);
        const state = await containerState(store, id);
        const answer =
          state.status === 'running'
            ? await askMonitor(containerFolder(store, id), { command: 'wait' })
            : undefined;
        const exitCode =
          answer?.ok === true ? answer.exitCode : state.status === 'exited' ? state.exitCode : 137;
        process.stdout.write(`${exitCode ?? 137}\n`);
      }
    });
  });
}

export function rmCommand(): Command {
  const command = new Command('rm')
    .description('remove containers')
    .option('--root <dir>', 'folder of the store');
  command.argument('<container...>', 'names or ids').option('-f, --force', 'kill it first when it runs');
  return command.action(async (names: readonly string[], flags: { force?: boolean }) => {
    await eachContainer(command, names, async (folder, record, store) => {
      const { containerState, deleteContainer } = await import('../../ops/index.ts');
      if ((await containerState(store, record.id)).status === 'running') {
        if (flags.force !== true) {
          throw new TsbuildError('CONTAINER_STATE', `container ${record.name} is running`, {
            hint: 'stop it first, or use --force',
          });
        }
        const ended = askMonitor(folder, { command: 'wait' });
        ended.catch(() => undefined);
        await askMonitor(folder, { command: 'signal', signal: 9 });
        await ended;
      }
      deleteContainer(store, record.id);
    });
  });
}

export function logsCommand(_status: ExitStatusHolder): Command {
  const command = new Command('logs')
    .description('print the output of a detached container')
    .option('--root <dir>', 'folder of the store');
  return command.argument('<container>', 'name or id').action(async (name: string) => {
    await withStore(storeRoot(command), async (store) => {
      const { containerFolder, findContainer } = await import('../../ops/index.ts');
      for (const line of readLog(containerFolder(store, findContainer(store, name).id))) {
        (line.stream === 'stderr' ? process.stderr : process.stdout).write(line.log);
      }
    });
  });
}

function readLog(folder: string): readonly { readonly log: string; readonly stream: string }[] {
  let text: string;
  try {
    text = readFileSync(join(folder, 'log.jsonl'), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  // The last line may still be on its way.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as { log: string; stream: string }]));
}

async function eachContainer(
  command: Command,
  names: readonly string[],
  action: (folder: string, record: ContainerRecord, store: Store) => Promise<void>,
): Promise<void> {
  await withStore(storeRoot(command), async (store) => {
    const { containerFolder, findContainer } = await import('../../ops/index.ts');
    for (const name of names) {
      const record = findContainer(store, name);
      await action(containerFolder(store, record.id), record, store);
      process.stdout.write(`${name}\n`);
    }
  });
}
