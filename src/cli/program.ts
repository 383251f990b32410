import { Command, CommanderError } from 'commander';

import { fromErrno, isErrno, nearestName, TsbuildError } from '../core/index.ts';
import { version } from '../sys/index.ts';
import { examples, globalGroup, quiet, rootOption } from './command.ts';
import { commandOf } from './command-line.ts';
import { asksVersion, fullCommandLine } from './command-words.ts';
import { commandBuilders, commandGroups, type CommandName } from './commands/index.ts';
import { addRegistryFlags, applyRegistryFlags } from './registry-flags.ts';
import { reportError } from './report.ts';
import { resumeSession } from './rootless/session.ts';
import { usageError } from './usage.ts';

/** What a command's action may say about the end of the process. */
export interface ExitStatusHolder {
  code: number;
}

/** Of a program whose output nobody reads any more: 128 and the number of SIGPIPE. */
const brokenPipeStatus = 141;

/** Runs one command line and gives its exit status; everything a user should read has been written by then. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const status: ExitStatusHolder = { code: 0 };
  const words = fullCommandLine(argv);
  const name = commandOf(words);
  const program = await makeProgram(status, { wanted: name, isVersion: asksVersion(words) });
  try {
    resumeSession();
    await program.parseAsync([...words], { from: 'user' });
    return status.code;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    if (isErrno(thrown, 'EPIPE')) return brokenPipeStatus;
    const command = program.commands.find((candidate) => candidate.name() === name) ?? program;
    const error =
      thrown instanceof CommanderError
        ? usageError(thrown, command)
        : fromErrno(thrown, name ?? program.name());
    reportError(error);
    return exitStatusOf(error, { isRun: name === 'run' });
  }
}

/** As under `docker run`, 125 says that tsbuild failed and not the program in the container (C-31, R-33). */
function exitStatusOf(error: unknown, { isRun }: { readonly isRun: boolean }): number {
  const status = error instanceof TsbuildError ? error.exitStatus : 70;
  const isProgrammes =
    error instanceof TsbuildError &&
    ['COMMAND_NOT_FOUND', 'COMMAND_NOT_EXECUTABLE', 'INTERRUPTED'].includes(error.code);
  return isRun && !isProgrammes ? 125 : status;
}

/** With the command that is wanted; where none is, with all of them, to be listed, unless only the version is asked for. */
async function makeProgram(
  status: ExitStatusHolder,
  { wanted, isVersion }: { readonly wanted: CommandName | undefined; readonly isVersion: boolean },
): Promise<Command> {
  const program = quiet(new Command('tsbuild'))
    .description('Builds OCI images from Dockerfiles, without a daemon, and launches them.')
    .usage('COMMAND [options]\n       tsbuild [-t NAME] CONTEXT   (short for tsbuild build)')
    .optionsGroup(globalGroup)
    .version(version(), '-v, --version', 'print the version')
    .addOption(rootOption())
    .enablePositionalOptions()
    .argument('[command]')
    .addHelpText(
      'after',
      examples([
        ['tsbuild -t app .', 'build the Dockerfile of this folder as app'],
        ['tsbuild run --rm -it app', 'run it in the terminal'],
        ['tsbuild COMMAND --help', 'show the options of a command'],
      ]) +
        '\n\nThe store is in /var/lib/tsbuild for root, else in tsbuild below $XDG_DATA_HOME or ~/.local/share.',
    );
  for (const [heading, names] of commandGroups) {
    for (const name of names) {
      if (wanted === undefined ? isVersion : wanted !== name) continue;
      const makeCommand = await commandBuilders[name]();
      const command = makeCommand(status);
      addRegistryFlags(command, name);
      program.addCommand(command.addOption(rootOption()).helpGroup(heading));
    }
  }
  program.hook('preAction', async (_program, command) => applyRegistryFlags(command));
  return program.action((word: string | undefined) => {
    if (word === undefined) return program.help();
    const near = nearestName(word, Object.keys(commandBuilders));
    throw new TsbuildError('USAGE', `unknown command: ${word}`, {
      hint: near === undefined ? 'tsbuild --help lists the commands' : `did you mean ${near}?`,
    });
  });
}
