import type { Command } from 'commander';

import { makeCommand } from '../command.ts';
import { writeTo } from '../output-file.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';

export function logsCommand(): Command {
  const command = makeCommand(
    'logs',
    'Print the output of a container that was started with run -d',
  ).argument('<container>', 'name or id');
  return command.action(async (name: string) => {
    await withStore(storeRoot(command), async (store) => {
      const { containerFolder, findContainer } = await import('../../ops/index.ts');
      const { readLog } = await import('../container/log-reader.ts');
      const record = findContainer(store, name);
      if (record.spec.stdio !== 'pipe') {
        process.stderr.write(`${record.name} has no log: it was not started with run -d\n`);
        return;
      }
      for await (const { log, stream } of readLog(containerFolder(store, record.id))) {
        await writeTo(stream === 'stderr' ? process.stderr : process.stdout, log);
      }
    });
  });
}
