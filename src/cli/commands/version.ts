import { machine, release } from 'node:os';

import type { Command } from 'commander';

import { version } from '../../sys/index.ts';
import { makeCommand } from '../command.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';

export function versionCommand(): Command {
  return makeCommand('version', 'Print the versions of tsbuild and of what it runs on')
    .addOption(formatOption())
    .action(({ format }: { format: ListFormat }) => {
      const versions = {
        tsbuild: version(),
        node: process.versions.node,
        kernel: release(),
        machine: machine(),
      };
      if (format === 'json') process.stdout.write(`${JSON.stringify(versions)}\n`);
      else
        printList(format, {
          headings: ['COMPONENT', 'VERSION'],
          rows: Object.entries(versions).map((cells) => ({ cells, json: null })),
        });
    });
}
