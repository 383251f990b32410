import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { ContainerRecord, ContainerState } from '../../ops/index.ts';
import { collect, makeCommand } from '../command.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import { filterNames, parseFilters, passes, statusWord } from '../ps-filters.ts';
import { storeRoot } from '../root.ts';
import { formatAge, formatSpan, shortId } from '../table.ts';
import { withStore } from '../with-store.ts';

interface PsFlags {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly format: ListFormat;
  readonly filter?: readonly string[];
  readonly last?: string;
}

interface Row {
  readonly record: ContainerRecord;
  readonly state: ContainerState;
  readonly ports: string;
}

export function psCommand(): Command {
  const command = makeCommand('ps', 'List containers, newest first')
    .option('-a, --all', 'those that do not run, too')
    .option('-q, --quiet', 'ids only')
    .option('-n, --last <number>', 'the newest so many, whatever they do')
    .option('-f, --filter <name=value>', `only some: ${filterNames.join(', ')}; repeatable`, collect)
    .option('--no-trunc', 'whole ids and commands')
    .addOption(formatOption());
  return command.action(async (flags: PsFlags) => {
    const filters = parseFilters(flags.filter ?? []);
    const last = lastOf(flags.last);
    const rows = (await readRows(storeRoot(command))).filter((row) => passes(row, filters));
    const asksForAll =
      flags.all === true || last !== undefined || filters.some(({ name }) => /status|exited/.test(name));
    const shown = rows.filter(({ state }) => asksForAll || isAlive(state)).slice(0, last);
    const idOf = ({ id }: ContainerRecord): string => (flags.trunc ? shortId(id) : id);
    if (flags.quiet === true) {
      process.stdout.write(shown.map(({ record }) => `${idOf(record)}\n`).join(''));
      return;
    }
    const now = Date.now();
    printList(flags.format, {
      headings: ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES'],
      rows: shown.map(({ record, state, ports }) => {
        const text = record.command.join(' ');
        const commandText = `"${flags.trunc && text.length > 20 ? `${text.slice(0, 19)}…` : text}"`;
        const [age, status] = [formatAge(record.created, now), statusText(state, now)];
        return {
          cells: [idOf(record), record.image.name, commandText, age, status, ports, record.name],
          json: {
            ID: idOf(record),
            Image: record.image.name,
            Command: commandText,
            CreatedAt: record.created,
            State: statusWord(state),
            Status: status,
            Ports: ports,
            Names: record.name,
          },
        };
      }),
    });
  });
}

/** Paused and between two starts is alive, too. */
function isAlive({ status }: ContainerState): boolean {
  return status === 'running' || status === 'restarting';
}

function lastOf(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,6}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new TsbuildError('USAGE', `--last: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected a whole number',
  });
}

async function readRows(root: string): Promise<readonly Row[]> {
  return withStore(root, async (store) => {
    const { containerState, listContainers, portsText, sweepContainers } = await import('../../ops/index.ts');
    await sweepContainers(store);
    return Promise.all(
      listContainers(store).map(async (record) => {
        const state = await containerState(store, record.id);
        const network = state.status === 'running' ? state.network : undefined;
        const ports = network === undefined ? '' : portsText(network.ports, record.network?.exposed ?? []);
        return { record, state, ports };
      }),
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
