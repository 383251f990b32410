import type { Command } from 'commander';

import { makeCommand } from '../command.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';

export function renameCommand(): Command {
  const command = makeCommand('rename', 'Give a container another name')
    .argument('<container>', 'name or id')
    .argument('<name>', 'its new name');
  return command.action(async (name: string, newName: string) => {
    await withStore(storeRoot(command), async (store) => {
      const { findContainer, renameContainer } = await import('../../ops/index.ts');
      await renameContainer(store, findContainer(store, name).id, newName);
    });
  });
}
