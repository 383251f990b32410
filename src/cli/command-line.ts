import { firstWord } from './command-words.ts';
import { commandBuilders, type CommandName } from './commands/index.ts';

/** The command that a full command line names, if there is such a command. */
export function commandOf(argv: readonly string[]): CommandName | undefined {
  const word = argv[firstWord(argv)];
  return word !== undefined && Object.hasOwn(commandBuilders, word) ? (word as CommandName) : undefined;
}
