import type { Command } from 'commander';

import type { ExitStatusHolder } from '../program.ts';
import { importCommand, loadCommand, saveCommand } from './archives.ts';
import { buildCommand } from './build.ts';
import { cacheCommand } from './cache.ts';
import { killCommand, rmCommand, stopCommand, waitCommand } from './containers.ts';
import { cpCommand } from './cp.ts';
import { createCommand } from './create.ts';
import { doctorCommand } from './doctor.ts';
import { duCommand } from './du.ts';
import { execCommand } from './exec.ts';
import { explainCommand } from './explain.ts';
import { commitCommand, diffCommand, exportCommand } from './files.ts';
import { fsckCommand } from './fsck.ts';
import { historyCommand } from './history.ts';
import { imageCommand } from './image.ts';
import { imagesCommand, rmiCommand, tagCommand } from './images.ts';
import { inspectCommand } from './inspect.ts';
import { loginCommand, logoutCommand } from './login.ts';
import { logsCommand } from './logs.ts';
import { manifestCommand } from './manifest.ts';
import { pauseCommand, unpauseCommand } from './pause.ts';
import { planCommand } from './plan.ts';
import { portCommand } from './port.ts';
import { pruneCommand } from './prune.ts';
import { psCommand } from './ps.ts';
import { pullCommand } from './pull.ts';
import { pushCommand } from './push.ts';
import { renameCommand } from './rename.ts';
import { runCommand } from './run.ts';
import { statsCommand } from './stats.ts';
import { featuresCommand, stateCommand } from './state.ts';
import { attachCommand, restartCommand, startCommand } from './start.ts';
import { topCommand } from './top.ts';
import { versionCommand } from './version.ts';
import { volumeCommand } from './volume.ts';

/** All commands by name. */
export const commandBuilders = {
  attach: attachCommand,
  build: buildCommand,
  cache: cacheCommand,
  create: createCommand,
  commit: commitCommand,
  cp: cpCommand,
  diff: diffCommand,
  doctor: doctorCommand,
  du: duCommand,
  exec: execCommand,
  explain: explainCommand,
  export: exportCommand,
  features: featuresCommand,
  fsck: fsckCommand,
  history: historyCommand,
  image: imageCommand,
  images: imagesCommand,
  import: importCommand,
  inspect: inspectCommand,
  kill: killCommand,
  load: loadCommand,
  login: loginCommand,
  logout: logoutCommand,
  logs: logsCommand,
  manifest: manifestCommand,
  pause: pauseCommand,
  plan: planCommand,
  port: portCommand,
  prune: pruneCommand,
  ps: psCommand,
  pull: pullCommand,
  push: pushCommand,
  rename: renameCommand,
  restart: restartCommand,
  rm: rmCommand,
  rmi: rmiCommand,
  run: runCommand,
  save: saveCommand,
  state: stateCommand,
  stats: statsCommand,
  start: startCommand,
  stop: stopCommand,
  tag: tagCommand,
  top: topCommand,
  unpause: unpauseCommand,
  version: versionCommand,
  volume: volumeCommand,
  wait: waitCommand,
} as const satisfies Readonly<Record<string, (status: ExitStatusHolder) => Command>>;

export type CommandName = keyof typeof commandBuilders;

/** Headings and order of the help. */
export const commandGroups: readonly (readonly [heading: string, names: readonly CommandName[]])[] = [
  ['Build and run:', ['build', 'plan', 'explain', 'run']],
  ['Images:', ['images', 'inspect', 'history', 'tag', 'rmi', 'image', 'manifest']],
  ['Images from and to elsewhere:', ['pull', 'push', 'load', 'save', 'import', 'export']],
  ['Containers:', ['create', 'start', 'stop', 'restart', 'kill', 'pause', 'unpause', 'wait', 'rename', 'rm']],
  [
    'What containers do:',
    ['ps', 'logs', 'port', 'top', 'stats', 'state', 'exec', 'attach', 'cp', 'diff', 'commit'],
  ],
  ['Volumes:', ['volume']],
  ['Store:', ['du', 'prune', 'fsck', 'cache']],
  ['Registries:', ['login', 'logout']],
  ['Other:', ['doctor', 'features', 'version']],
];
