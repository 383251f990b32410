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
    const instead = command.name() === 'build' ? otherWays.get(flag.replace(/=.*/s, '')) : undefined;
    if (instead !== undefined) return instead;
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

/** Flags of buildah's build that are none here, and what does what they are for. */
const otherWays: ReadonlyMap<string, string> = new Map([
  ['--stdin', 'RUN steps have no standard input: use RUN --mount=type=secret or a build argument'],
  ['--runtime', 'RUN steps are run by tsbuild itself, and by no other runtime'],
  ['--runtime-flag', 'RUN steps are run by tsbuild itself, and by no other runtime'],
  ['--decryption-key', 'encrypted images are not supported'],
  ['--manifest', 'build with -t, then: tsbuild manifest create --amend LIST IMAGE'],
  ['--layer-label', 'steps have no images of their own: --label is for the image'],
]);

function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${command.parent.name()} ${command.name()}`;
}
