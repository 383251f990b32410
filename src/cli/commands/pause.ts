import type { Command } from 'commander';

import { makeCommand } from '../command.ts';
import type { ExitStatusHolder } from '../program.ts';
import { eachContainer } from './containers.ts';

export function pauseCommand(status: ExitStatusHolder): Command {
  return freezeCommand(status, true);
}

export function unpauseCommand(status: ExitStatusHolder): Command {
  return freezeCommand(status, false);
}

function freezeCommand(status: ExitStatusHolder, paused: boolean): Command {
  const about = paused ? 'Halt all processes of containers' : 'Let paused containers go on';
  const command = makeCommand(paused ? 'pause' : 'unpause', about).argument('<container...>', 'names or ids');
  return command.action(async (names: readonly string[]) => {
    await eachContainer({ command, names, status }, async (store, record, name) => {
      const { containerFolder } = await import('../../ops/index.ts');
      const { demandOfContainer } = await import('../container/protocol.ts');
      await demandOfContainer(containerFolder(store, record.id), { command: 'pause', paused });
      process.stdout.write(`${name}\n`);
    });
  });
}
