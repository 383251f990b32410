import type { Command } from 'commander';

import type { ContainerRecord, ContainerState } from '../../ops/index.ts';
import { makeCommand } from '../command.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import { storeRoot } from '../root.ts';
import { formatAge, formatSpan, shortId } from '../table.ts';
import { withStore } from '../with-store.ts';

interface PsFlags {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly format: ListFormat;
}

interface Row {
  readonly record: ContainerRecord;
  readonly state: ContainerState;
}

export function psCommand(): Command {
  const command = makeCommand('ps', 'List containers, newest first')
    .option('-a, --all', 'those that do not run, too')
    .option('-q, --quiet', 'ids only')
    .option('--no-trunc', 'whole ids and commands')
    .addOption(formatOption());
  return command.action(async (flags: PsFlags) => {
    const rows = await readRows(storeRoot(command));
    const shown = rows.filter(({ state }) => flags.all === true || state.status === 'running');
    const idOf = ({ id }: ContainerRecord): string => (flags.trunc ? shortId(id) : id);
    if (flags.quiet === true) {
      process.stdout.write(shown.map(({ record }) => `${idOf(record)}\n`).join(''));
      return;
    }
    const now = Date.now();
    printList(flags.format, {
      headings: ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'NAMES'],
      rows: shown.map(({ record, state }) => {
        const text = record.command.join(' ');
        const commandText = `"${flags.trunc && text.length > 20 ? `${text.slice(0, 19)}…` : text}"`;
        const [age, status] = [formatAge(record.created, now), statusText(state, now)];
        return {
          cells: [idOf(record), record.image.name, commandText, age, status, record.name],
          json: {
            ID: idOf(record),
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

async function readRows(root: string): Promise<readonly Row[]> {
  return withStore(root, async (store) => {
    const { containerState, listContainers, sweepContainers } = await import('../../ops/index.ts');
    await sweepContainers(store);
    return Promise.all(
      listContainers(store).map(async (record) => ({
        record,
        state: await containerState(store, record.id),
      })),
    );
  });
}

function statusText(state: ContainerState, now: number): string {
  switch (state.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${formatSpan(state.started, now)}${noteOf(state)}`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${formatAge(state.finished, now)}`;
    case 'exited':
      return `Exited (${state.exitCode}) ${formatAge(state.finished, now)}`;
    case 'dead':
      return 'Dead';
  }
}

/** As docker words it. */
function noteOf({ paused, health }: Extract<ContainerState, { status: 'running' }>): string {
  if (paused === true) return ' (Paused)';
  if (health === undefined) return '';
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`;
}
