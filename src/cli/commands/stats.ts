import { totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Command } from 'commander';

import type { Store } from '../../store/index.ts';
import { makeCommand } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';
import { statsHeadings, statsRow, type StatsRow } from '../stats/rows.ts';
import type { Sample } from '../stats/sample.ts';
import { statsScreen } from '../stats/screen.ts';

interface StatsFlags {
  readonly all?: boolean;
  readonly stream: boolean;
  readonly trunc: boolean;
  readonly format: ListFormat;
}

/** Processor time is counted over so many milliseconds. */
const interval = 1000;
const firstInterval = 250;

export function statsCommand(): Command {
  const command = makeCommand('stats', 'Show what running containers use')
    .argument('[container...]', 'names or ids (default: all that run)')
    .option('-a, --all', 'those that do not run, too')
    .option('--no-stream', 'once, instead of every second until Ctrl-C')
    .option('--no-trunc', 'whole ids')
    .addOption(formatOption());
  return command.action(async (names: readonly string[], flags: StatsFlags) => {
    await withStore(storeRoot(command), (store) => showStats(store, names, flags));
  });
}

async function showStats(store: Store, names: readonly string[], flags: StatsFlags): Promise<void> {
  const { sampleContainers } = await import('../stats/sample.ts');
  const wanted = { names, all: flags.all === true };
  using interrupt = interruptSignal();
  const { signal } = interrupt;
  const screen = statsScreen(process.stdout);
  let before = await sampleContainers(store, wanted);
  let pause = firstInterval;
  while (await passed(pause, signal)) {
    const now = await sampleContainers(store, wanted);
    const rows = now.map((sample) => rowOf(sample, before, flags));
    if (flags.format === 'json' || !flags.stream) {
      printList(flags.format, { headings: statsHeadings, rows });
    } else screen.show(rows.map(({ cells }) => cells));
    if (!flags.stream) return;
    [before, pause] = [now, interval];
  }
}

function rowOf(sample: Sample, before: readonly Sample[], flags: StatsFlags): StatsRow {
  return statsRow(sample, {
    before: before.find(({ id }) => id === sample.id),
    memory: totalmem(),
    whole: !flags.trunc,
  });
}

/** False when it was interrupted, which is how this command ends. */
async function passed(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(milliseconds, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
