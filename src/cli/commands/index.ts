import type { Command } from 'commander';

import type { ExitStatusHolder } from '../program.ts';
import { buildCommand } from './build.ts';

/** All commands by name, in the order of the help. */
export const commandBuilders = {
  build: buildCommand,
} as const satisfies Readonly<Record<string, (status: ExitStatusHolder) => Command>>;

export type CommandName = keyof typeof commandBuilders;
