import type { Command } from 'commander';

import { examples, makeCommand } from '../command.ts';
import { storeRoot } from '../root.ts';
import { addRunOptions, runChoices, type RunFlags } from '../run-flags.ts';
import { withStore } from '../with-store.ts';

export function createCommand(): Command {
  const command = addRunOptions(makeCommand('create', 'Make a container without starting it')).addHelpText(
    'after',
    examples([['tsbuild start -a $(tsbuild create app)', 'make it, then run it and show its output']]),
  );
  return command.action(async (imageName: string, args: readonly string[], flags: RunFlags) => {
    const { container, ...choices } = await runChoices(flags, args);
    const { makeContainer } = await import('../container/make-container.ts');
    await withStore(storeRoot(command), async (store) => {
      const { id } = await makeContainer(store, {
        ...choices,
        imageName,
        container: {
          ...container,
          stdio: flags.tty === true ? 'terminal' : 'pipe',
          openStdin: flags.interactive === true,
        },
      });
      process.stdout.write(`${id}\n`);
    });
  });
}
