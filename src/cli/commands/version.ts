import { release, machine } from 'node:os';

import { Command } from 'commander';

import { formatOption, printList, type ListFormat } from '../list.ts';
import { version } from '../version.ts';

export function versionCommand(): Command {
  return new Command('version')
    .description('print versions')
    .addOption(formatOption())
    .action((flags: { format: ListFormat }) => {
      const rows: readonly (readonly [string, string])[] = [
        ['tsbuild', version()],
        ['node', process.versions.node],
        ['kernel', release()],
        ['machine', machine()],
      ];
      if (flags.format === 'json') process.stdout.write(`${JSON.stringify(Object.fromEntries(rows))}\n`);
      else
        printList('table', {
          headings: ['COMPONENT', 'VERSION'],
          rows: rows.map((cells) => ({ cells, json: null })),
        });
    });
}
