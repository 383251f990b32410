import { parseHeredocWord } from './heredoc.ts';
import type { Command, Heredoc } from './types.ts';

export type ShellCommand = Extract<Command, { readonly form: 'shell' }>;

/** The heredoc of `RUN <<EOF`, a command that is nothing else; its body is the script. */
export function heredocAlone(command: ShellCommand): Heredoc | undefined {
  const [heredoc] = command.heredocs;
  return heredoc !== undefined && parseHeredocWord(command.text) !== undefined ? heredoc : undefined;
}

/**
 * The heredoc that is a program of its own because it begins with `#!`: it is executed as a file called like the
 * delimiter instead of being given to the shell. Tabs that `<<-` strips do not count (BuildKit since dockerfile 1.21).
 */
export function shebangScript(command: ShellCommand): Heredoc | undefined {
  const heredoc = heredocAlone(command);
  return heredoc?.content.startsWith('#!') === true ? heredoc : undefined;
}

/** The last argument for the shell (`/bin/sh -c …`): the text with its heredocs put back, or the body when it is alone. */
export function shellScript(command: ShellCommand): string {
  const alone = heredocAlone(command);
  if (alone !== undefined) return alone.content;
  return command.text + command.heredocs.map(({ raw, name }) => `\n${raw}${name}`).join('');
}
