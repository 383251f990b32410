import type { Command } from 'commander';

import { makeCommand } from '../command.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import { storeRoot } from '../root.ts';
import { formatAge, formatSize, shortId } from '../table.ts';
import { withStore } from '../with-store.ts';

interface HistoryFlags {
  readonly trunc: boolean;
  readonly quiet?: boolean;
  readonly format: ListFormat;
}

export function historyCommand(): Command {
  const command = makeCommand('history', 'Show how an image was made, newest step first')
    .argument('<image>', 'name or id')
    .option('--no-trunc', 'whole commands and ids')
    .option('-q, --quiet', 'ids only')
    .addOption(formatOption());
  return command.action(async (name: string, flags: HistoryFlags) => {
    const { imageHistory, loadImage } = await import('../../image/index.ts');
    const rows = await withStore(storeRoot(command), async (store) =>
      imageHistory(await loadImage(store, name)),
    );
    const idOf = (id: string | undefined): string =>
      id === undefined ? '<missing>' : flags.trunc ? shortId(id) : id;
    if (flags.quiet === true) {
      process.stdout.write(rows.map(({ id }) => `${idOf(id)}\n`).join(''));
      return;
    }
    const now = Date.now();
    printList(flags.format, {
      headings: ['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'],
      rows: rows.map((row) => {
        const by = row.createdBy.replaceAll(/\s+/g, ' ');
        const shown = flags.trunc && by.length > 45 ? `${by.slice(0, 44)}…` : by;
        const [age, size] = [formatAge(row.created, now), formatSize(row.size)];
        return {
          cells: [idOf(row.id), age, shown, size, row.comment],
          json: {
            ID: idOf(row.id),
            CreatedAt: row.created ?? 'N/A',
            CreatedSince: age,
            CreatedBy: flags.trunc ? shown : row.createdBy,
            Size: size,
            Comment: row.comment,
          },
        };
      }),
    });
  });
}
