import { Option, type Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import { collect } from './command.ts';
import type { CommandName } from './commands/index.ts';

/** Commands that speak to registries. */
const speaking: ReadonlySet<CommandName> = new Set([
  ...(['build', 'create', 'inspect', 'login', 'manifest', 'plan', 'pull', 'push', 'run'] as const),
]);

/** The flags about registries, where the command is one that speaks to them; its sub-commands have them, too. */
export function addRegistryFlags(command: Command, name: CommandName): void {
  if (!speaking.has(name)) return;
  for (const one of command.commands.length === 0 ? [command] : command.commands) {
    one.addOption(
      new Option(
        '--insecure-registry <host>',
        'speak plain http to this registry, or take any certificate of it',
      )
        .argParser(collect)
        .helpGroup('Options:'),
    );
  }
}

/** As registrySettings of the registry room reads it; said there too, but that room is loaded late. */
const variable = 'TSBUILD_INSECURE_REGISTRIES';

/** Puts what the flags say where every part of the command finds it: into the environment of this process. */
export function applyRegistryFlags(command: Command): void {
  const { insecureRegistry = [] } = command.opts<{ insecureRegistry?: readonly string[] }>();
  if (insecureRegistry.length === 0) return;
  for (const host of insecureRegistry) {
    if (/^[A-Za-z0-9[][A-Za-z0-9.:[\]-]*$/.test(host)) continue;
    throw new TsbuildError('USAGE', `not the host of a registry: ${JSON.stringify(host.slice(0, 200))}`, {
      hint: 'write it as in names of images, with its port: registry.example.com:5000',
    });
  }
  process.env[variable] = [process.env[variable] ?? '', ...insecureRegistry]
    .filter((one) => one !== '')
    .join(',');
}

/** One line on standard error for what a registry or a mirror of it has to say. */
export function tellWarning(message: string): void {
  process.stderr.write(`warning: ${message}\n`);
}
