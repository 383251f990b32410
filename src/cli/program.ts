import { Command, CommanderError } from 'commander';

import { nearestName, TsbuildError } from '../core/index.ts';
import { commandBuilders, type CommandName } from './commands/index.ts';
import { reportError } from './report.ts';
import { version } from './version.ts';

const globalOptions: ReadonlySet<string> = new Set(['--help', '-h', '--version', '-V', '--root']);

/** Runs one command line and gives its exit status; everything a user should read has been written by then. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const status = { code: 0 };
  const words = withDefaultCommand(argv);
  try {
    const program = makeProgram(words, status);
    await program.parseAsync([...words], { from: 'user' });
    return status.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageStatus(words);
    reportError(error);
    if (!(error instanceof TsbuildError)) return 70;
    // As under docker run: 125 says that tsbuild failed and not the program in the container.
    if (isRun(words) && error.code !== 'COMMAND_NOT_FOUND' && error.code !== 'COMMAND_NOT_EXECUTABLE')
      return 125;
    return error.exitStatus;
  }
}

/** What a command's action may say about the end of the process. */
export interface ExitStatusHolder {
  code: number;
}

function makeProgram(words: readonly string[], status: ExitStatusHolder): Command {
  const program = new Command('tsbuild')
    .description('Builds OCI images from Dockerfiles, without a daemon, and launches them.')
    .usage('[--root DIR] COMMAND …\n       tsbuild -t NAME CONTEXT   (short for tsbuild build)')
    .version(version(), '-V, --version', 'print the version')
    .option('--root <dir>', 'folder of the store (env TSBUILD_ROOT)')
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for the options)')
    .exitOverride();
  const wanted = commandOf(words);
  for (const [name, make] of Object.entries(commandBuilders)) {
    // Only the command in use is built whole: the others cost start-up time and are listed by name alone.
    const command = wanted === undefined || wanted === name ? make(status) : new Command(name);
    program.addCommand(command.exitOverride());
  }
  program.action(() => {
    if (wanted === undefined && words.length === 0) program.help();
    const [unknown = ''] = program.args;
    const near = nearestName(unknown, Object.keys(commandBuilders));
    throw new TsbuildError('USAGE', `unknown command: ${unknown}`, {
      hint: near === undefined ? 'tsbuild --help lists the commands' : `did you mean ${near}?`,
    });
  });
  return program;
}

/** `tsbuild -t app .` is short for `tsbuild build -t app .`. */
function withDefaultCommand(argv: readonly string[]): readonly string[] {
  const position = firstWord(argv);
  const word = argv[position];
  if (word === undefined || globalOptions.has(word)) return argv;
  const isContext = word === '.' || word === '..' || word.includes('/');
  if (!word.startsWith('-') && !isContext) return argv;
  return [...argv.slice(0, position), 'build', ...argv.slice(position)];
}

/** Index behind `--root DIR`. */
function firstWord(argv: readonly string[]): number {
  let position = 0;
  for (;;) {
    const word = argv[position];
    if (word === '--root') position += 2;
    else if (word?.startsWith('--root=') === true) position += 1;
    else return position;
  }
}

function commandOf(words: readonly string[]): CommandName | undefined {
  const word = words[firstWord(words)];
  return word !== undefined && Object.hasOwn(commandBuilders, word) ? (word as CommandName) : undefined;
}

function isRun(words: readonly string[]): boolean {
  return commandOf(words) === 'run';
}

function usageStatus(words: readonly string[]): number {
  return isRun(words) ? 125 : 2;
}
