import { firstWord, fullCommandLine } from '../command-words.ts';
import type { CommandName } from '../commands/index.ts';

/**
 * What a command of an ordinary user needs of namespaces. `none`: nothing. `enter`: files of other ids, or the containers
 * that run; those of the living holders, else some of its own. `hold`: it may keep containers alive.
 */
export type NamespaceNeed = 'none' | 'enter' | 'hold';

/** Commands that read and write nothing but blobs, names and records, or talk to monitors, go without. */
const needs: Readonly<Record<CommandName, NamespaceNeed>> = {
  attach: 'enter',
  build: 'enter',
  builds: 'none',
  cache: 'enter',
  commit: 'enter',
  cp: 'enter',
  create: 'enter',
  diff: 'enter',
  // What it finds is what the other commands meet when they go there.
  doctor: 'none',
  du: 'enter',
  exec: 'enter',
  explain: 'none',
  export: 'enter',
  features: 'none',
  fsck: 'enter',
  history: 'none',
  image: 'enter',
  images: 'none',
  import: 'none',
  inspect: 'none',
  kill: 'enter',
  load: 'none',
  lock: 'none',
  login: 'none',
  logout: 'none',
  logs: 'none',
  manifest: 'none',
  pause: 'enter',
  plan: 'none',
  port: 'none',
  prune: 'enter',
  ps: 'none',
  pull: 'none',
  push: 'none',
  rename: 'none',
  restart: 'hold',
  rm: 'enter',
  rmi: 'enter',
  run: 'hold',
  save: 'none',
  start: 'hold',
  state: 'enter',
  stats: 'enter',
  stop: 'enter',
  tag: 'none',
  tags: 'none',
  top: 'enter',
  unpause: 'enter',
  version: 'none',
  volume: 'enter',
  wait: 'none',
};

/** Of a command line without the program's own name. What is no command is left to the program to complain about. */
export function namespaceNeed(argv: readonly string[]): NamespaceNeed {
  const line = fullCommandLine(argv);
  const [command = '', ...flags] = line.slice(firstWord(line));
  if (!Object.hasOwn(needs, command) || flags[0] === '--help' || flags[0] === '-h') return 'none';
  if (command === 'build' && flags.some((flag) => /^--(check|call)(=|$)/.test(flag))) return 'none';
  return needs[command as CommandName];
}

/** Whether the command line runs RUN steps and nothing that goes on after it. */
export function isBuild(argv: readonly string[]): boolean {
  const line = fullCommandLine(argv);
  return line[firstWord(line)] === 'build' && namespaceNeed(argv) !== 'none';
}
