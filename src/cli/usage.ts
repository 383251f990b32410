import type { Command, CommanderError } from 'commander';

import { nearestName, TsbuildError } from '../core/index.ts';

/** What commander says of a wrong command line, with a hint: the flag that was meant, or how the command is called. */
export function usageError(error: CommanderError, command: Command): TsbuildError {
  const message = error.message.replace(/^error: /, '').replace(/\.$/, '');
  return new TsbuildError('USAGE', message, { hint: hintFor(error, command) });
}

function hintFor(error: CommanderError, command: Command): string {
  const path = commandPath(command);
  if (error.code === 'commander.unknownOption') {
    const flag = /'(-[^']*)'/.exec(error.message)?.[1] ?? '';
    const known = command.options.flatMap(({ long, short }) => [long ?? [], short ?? []].flat());
    const near = flag.startsWith('--') ? nearestName(flag.replace(/=.*/s, ''), known) : undefined;
    return near === undefined ? `${path} --help lists the options` : `did you mean ${near}?`;
  }
  const usage = `usage: ${path} ${command.usage()}`;
  if (error.code === 'commander.excessArguments') return usage;
  if (error.code === 'commander.missingArgument') {
    const missing = command.registeredArguments.find((each) => error.message.includes(`'${each.name()}'`));
    return missing === undefined ? usage : `${usage}; ${missing.name()}: ${missing.description}`;
  }
  return `${path} --help explains the options`;
}

function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${command.parent.name()} ${command.name()}`;
}
