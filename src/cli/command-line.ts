import { commandBuilders, type CommandName } from './commands/index.ts';

const programFlags: ReadonlySet<string> = new Set(['--help', '-h', '--version', '-v']);

/**
 * `tsbuild -t app .` and `tsbuild .` are short for `tsbuild build …`; `tsbuild help run` for `tsbuild run --help`. A
 * word that is neither a flag, a command nor a path is left for the program to complain about.
 */
export function fullCommandLine(argv: readonly string[]): readonly string[] {
  const position = firstWord(argv);
  const word = argv[position];
  if (word === undefined || programFlags.has(word)) return argv;
  const [before, after] = [argv.slice(0, position), argv.slice(position + 1)];
  if (word === 'help') return [...before, ...after.slice(0, 1), '--help'];
  const isContext = word === '.' || word === '..' || word.includes('/');
  if (!word.startsWith('-') && !isContext) return argv;
  return [...before, 'build', word, ...after];
}

/** The command that a full command line names, if there is such a command. */
export function commandOf(argv: readonly string[]): CommandName | undefined {
  const word = argv[firstWord(argv)];
  return word !== undefined && Object.hasOwn(commandBuilders, word) ? (word as CommandName) : undefined;
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
