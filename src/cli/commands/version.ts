import { machine, release } from 'node:os';

import type { Command } from 'commander';

import { compatibilityTable, compatibilityVersion } from '../../core/index.ts';
import { version } from '../../sys/index.ts';
import { makeCommand } from '../command.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';

export function versionCommand(): Command {
  return makeCommand('version', 'Print the versions of tsbuild and of what it runs on')
    .addOption(formatOption())
    .option('-v, --verbose', 'and what decides digests, by compatibility version')
    .action(({ format, verbose }: { format: ListFormat; verbose?: boolean }) => {
      const versions = {
        tsbuild: version(),
        node: process.versions.node,
        kernel: release(),
        machine: machine(),
        ...(verbose === true ? digestRules() : {}),
      };
      if (format === 'json') process.stdout.write(`${JSON.stringify(versions)}\n`);
      else
        printList(format, {
          headings: ['COMPONENT', 'VERSION'],
          rows: Object.entries(versions).map((cells) => ({ cells, json: null })),
        });
    });
}

/** What the newest compatibility version stands for. */
function digestRules(): Readonly<Record<string, string>> {
  const rules: Record<string, string> = { compatibility: String(compatibilityVersion) };
  for (const [name, by] of Object.entries(compatibilityTable)) rules[name] = by[compatibilityVersion] ?? '';
  return rules;
}
