import type { Command } from 'commander';

import type { ExitStatusHolder } from '../program.ts';

/** All commands by name; each is loaded when it is asked for. */
export const commandBuilders = {
  attach: async () => (await import('./start.ts')).attachCommand,
  build: async () => (await import('./build.ts')).buildCommand,
  cache: async () => (await import('./cache.ts')).cacheCommand,
  create: async () => (await import('./create.ts')).createCommand,
  commit: async () => (await import('./files.ts')).commitCommand,
  cp: async () => (await import('./cp.ts')).cpCommand,
  diff: async () => (await import('./files.ts')).diffCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  du: async () => (await import('./du.ts')).duCommand,
  exec: async () => (await import('./exec.ts')).execCommand,
  explain: async () => (await import('./explain.ts')).explainCommand,
  export: async () => (await import('./files.ts')).exportCommand,
  features: async () => (await import('./state.ts')).featuresCommand,
  fsck: async () => (await import('./fsck.ts')).fsckCommand,
  history: async () => (await import('./history.ts')).historyCommand,
  image: async () => (await import('./image.ts')).imageCommand,
  images: async () => (await import('./images.ts')).imagesCommand,
  import: async () => (await import('./archives.ts')).importCommand,
  inspect: async () => (await import('./inspect.ts')).inspectCommand,
  kill: async () => (await import('./containers.ts')).killCommand,
  load: async () => (await import('./archives.ts')).loadCommand,
  login: async () => (await import('./login.ts')).loginCommand,
  logout: async () => (await import('./login.ts')).logoutCommand,
  logs: async () => (await import('./logs.ts')).logsCommand,
  manifest: async () => (await import('./manifest.ts')).manifestCommand,
  pause: async () => (await import('./pause.ts')).pauseCommand,
  plan: async () => (await import('./plan.ts')).planCommand,
  port: async () => (await import('./port.ts')).portCommand,
  prune: async () => (await import('./prune.ts')).pruneCommand,
  ps: async () => (await import('./ps.ts')).psCommand,
  pull: async () => (await import('./pull.ts')).pullCommand,
  push: async () => (await import('./push.ts')).pushCommand,
  rename: async () => (await import('./rename.ts')).renameCommand,
  restart: async () => (await import('./start.ts')).restartCommand,
  rm: async () => (await import('./containers.ts')).rmCommand,
  rmi: async () => (await import('./images.ts')).rmiCommand,
  run: async () => (await import('./run.ts')).runCommand,
  save: async () => (await import('./archives.ts')).saveCommand,
  state: async () => (await import('./state.ts')).stateCommand,
  stats: async () => (await import('./stats.ts')).statsCommand,
  start: async () => (await import('./start.ts')).startCommand,
  stop: async () => (await import('./containers.ts')).stopCommand,
  tag: async () => (await import('./images.ts')).tagCommand,
  tags: async () => (await import('./tags.ts')).tagsCommand,
  top: async () => (await import('./top.ts')).topCommand,
  unpause: async () => (await import('./pause.ts')).unpauseCommand,
  version: async () => (await import('./version.ts')).versionCommand,
  volume: async () => (await import('./volume.ts')).volumeCommand,
  wait: async () => (await import('./containers.ts')).waitCommand,
} as const satisfies Readonly<Record<string, () => Promise<(status: ExitStatusHolder) => Command>>>;

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
  ['Registries:', ['login', 'logout', 'tags']],
  ['Other:', ['doctor', 'features', 'version']],
];
