import type { Command } from 'commander';

import type { DiskReport, DuEntry, DuRow } from '../../ops/index.ts';
import { collect, examples, makeCommand } from '../command.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import { parseMoment } from '../moment.ts';
import { storeRoot } from '../root.ts';
import { formatAge, formatSize } from '../table.ts';
import { withStore } from '../with-store.ts';

interface DuFlags {
  readonly verbose?: boolean;
  readonly filter?: readonly string[];
  readonly format: ListFormat;
}

export function duCommand(): Command {
  const command = makeCommand('du', 'Show how much of the disk the store takes, and for what')
    .option('-v, --verbose', 'each cached step, cache mount and source')
    .option(
      '--filter <name=value>',
      'of them, those that `tsbuild prune` would take with it; repeatable',
      collect,
    )
    .addOption(formatOption());
  command.addHelpText(
    'after',
    examples([
      ['tsbuild du', 'images, steps, cache mounts, … and what would come free'],
      ['tsbuild du --filter type=exec.cachemount', 'cache mounts alone'],
      ['tsbuild du --verbose', 'what `tsbuild prune` can remove, the last used first'],
    ]),
  );
  return command.action(async (flags: DuFlags) => {
    const { storeCare } = await import('../../ops/index.ts');
    const { duOf, matchesPruneFilter, parsePruneFilters } = await storeCare();
    const now = Date.now();
    const filter = parsePruneFilters(flags.filter ?? [], (text) => parseMoment('--filter until', text, now));
    const report = await withStore(storeRoot(command), duOf);
    const entries = report.entries.filter((entry) => matchesPruneFilter(filter, entry));
    if (flags.verbose === true || flags.filter !== undefined) printEntries(flags.format, entries, now);
    else printRows(flags.format, report, now);
  });
}

function printRows(format: ListFormat, { rows, total }: DiskReport, now: number): void {
  const reclaimable = rows.reduce((sum, row) => sum + row.reclaimable, 0);
  const sum = { type: 'Total', size: total, reclaimable } as const;
  printList(format, {
    headings: ['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'SHARED', 'RECLAIMABLE', 'LAST USED'],
    rows: [
      ...rows.map((row) => ({ cells: rowCells(row, now), json: rowJson(row) })),
      {
        cells: [sum.type, '', '', formatSize(total), '', share(sum), ''],
        json: { Type: sum.type, Size: formatSize(total), SizeBytes: total, ReclaimableBytes: reclaimable },
      },
    ],
  });
}

function rowCells(row: DuRow, now: number): readonly string[] {
  const counts = row.type === 'Bookkeeping' ? ['', ''] : [`${row.count}`, `${row.active}`];
  const used = row.used === 0 ? '' : formatAge(new Date(row.used).toISOString(), now);
  return [row.type, ...counts, formatSize(row.size), formatSize(row.shared), share(row), used];
}

function rowJson(row: DuRow) {
  return {
    Type: row.type,
    TotalCount: row.count,
    Active: row.active,
    Size: formatSize(row.size),
    Reclaimable: share(row),
    SizeBytes: row.size,
    SharedBytes: row.shared,
    ReclaimableBytes: row.reclaimable,
    LastUsedAt: timeOf(row.used),
  };
}

/** As docker prints it: `1.2GB (40%)`. */
function share({ size, reclaimable }: { readonly size: number; readonly reclaimable: number }): string {
  const percent = size === 0 ? 0 : Math.floor((reclaimable / size) * 100);
  return `${formatSize(reclaimable)} (${percent}%)`;
}

function printEntries(format: ListFormat, entries: readonly DuEntry[], now: number): void {
  printList(format, {
    headings: ['ID', 'TYPE', 'CREATED', 'LAST USED', 'SIZE', 'SHARED', 'IN USE', 'WHAT'],
    rows: entries.map((entry) => ({
      cells: [
        entry.id,
        entry.type,
        entry.created === '' ? '' : formatAge(entry.created, now),
        formatAge(timeOf(entry.used) ?? undefined, now),
        formatSize(entry.size),
        entry.shared ? 'yes' : '',
        entry.inUse ? 'yes' : '',
        entry.text.length > widest ? `${entry.text.slice(0, widest)}…` : entry.text,
      ],
      json: {
        ID: entry.id,
        Type: entry.type,
        Description: entry.text,
        CreatedAt: entry.created === '' ? null : entry.created,
        LastUsedAt: timeOf(entry.used),
        Size: formatSize(entry.size),
        SizeBytes: entry.size,
        Shared: entry.shared,
        InUse: entry.inUse,
      },
    })),
  });
}

const widest = 60;

function timeOf(milliseconds: number): string | null {
  return milliseconds === 0 ? null : new Date(milliseconds).toISOString();
}
