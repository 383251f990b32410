import type { Command } from 'commander';

import type { Json } from '../../core/index.ts';
import { makeCommand } from '../command.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';

export function stateCommand(): Command {
  const command = makeCommand(
    'state',
    'Print the state of a container as the OCI runtime spec has it',
  ).argument('<container>', 'name or id');
  return command.action(async (name: string) => {
    await withStore(storeRoot(command), async (store) => {
      const { findContainer, runtimeState } = await import('../../ops/index.ts');
      print(await runtimeState(store, findContainer(store, name)));
    });
  });
}

export function featuresCommand(): Command {
  const command = makeCommand(
    'features',
    'Print what containers can be given, as the OCI runtime spec has it',
  );
  return command.action(async () => {
    const { runtimeFeatures } = await import('../../runtime/index.ts');
    print(runtimeFeatures());
  });
}

function print(value: Json): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
