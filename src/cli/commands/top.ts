import type { Command } from 'commander';

import { examples, makeCommand } from '../command.ts';
import { storeRoot } from '../root.ts';
import { formatTable } from '../table.ts';
import { withStore } from '../with-store.ts';

export function topCommand(): Command {
  const command = makeCommand('top', 'Show the processes of a running container')
    .argument('<container>', 'name or id')
    .argument('[options...]', 'options of ps(1), which this machine must have then')
    .passThroughOptions()
    .addHelpText('after', examples([['tsbuild top web -o pid,rss,args', 'with columns of your choice']]));
  return command.action(async (name: string, options: readonly string[]) => {
    await withStore(storeRoot(command), async (store) => {
      const { findContainer } = await import('../../ops/index.ts');
      const { requireRunning } = await import('../container/running.ts');
      const { processTable, processTableOf } = await import('../container/processes.ts');
      const record = findContainer(store, name);
      const { pid } = await requireRunning(store, record);
      const { headings, rows } =
        options.length === 0 ? processTable(pid) : await processTableOf(pid, options);
      process.stdout.write(formatTable(headings, rows));
    });
  });
}
