import type { Command } from 'commander';

import type { ExitStatusHolder } from '../program.ts';
import { importCommand, loadCommand, saveCommand } from './archives.ts';
import { buildCommand } from './build.ts';
import { killCommand, logsCommand, psCommand, rmCommand, stopCommand, waitCommand } from './containers.ts';
import { historyCommand, imagesCommand, inspectCommand, rmiCommand, tagCommand } from './images.ts';
import { pullCommand } from './pull.ts';
import { runCommand } from './run.ts';
import { versionCommand } from './version.ts';

/** All commands by name, in the order of the help. */
export const commandBuilders: Readonly<Record<CommandName, (status: ExitStatusHolder) => Command>> = {
  build: buildCommand,
  run: runCommand,
  ps: psCommand,
  logs: logsCommand,
  stop: stopCommand,
  kill: killCommand,
  wait: waitCommand,
  rm: rmCommand,
  images: imagesCommand,
  inspect: inspectCommand,
  history: historyCommand,
  tag: tagCommand,
  rmi: rmiCommand,
  pull: pullCommand,
  load: loadCommand,
  save: saveCommand,
  import: importCommand,
  version: versionCommand,
};

export type CommandName =
  | 'build'
  | 'run'
  | 'ps'
  | 'logs'
  | 'stop'
  | 'kill'
  | 'wait'
  | 'rm'
  | 'images'
  | 'inspect'
  | 'history'
  | 'tag'
  | 'rmi'
  | 'pull'
  | 'load'
  | 'save'
  | 'import'
  | 'version';
