import { Command, Option } from 'commander';

/** Wider lines are hard to read, however wide the terminal is. */
const widestHelp = 96;

/** A command as all are made; `about` is one line without a full stop. */
export function makeCommand(name: string, about: string): Command {
  return quiet(new Command(name)).description(about);
}

/** commander throws what it would print: errors all look the same, wherever they come from. */
export function quiet(command: Command): Command {
  return command
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({
      writeErr: () => undefined,
      getOutHelpWidth: () => Math.min(process.stdout.columns || widestHelp, widestHelp),
    })
    .configureHelp({
      subcommandTerm: (subcommand) => subcommand.name(),
      // The choices stand in the flag itself.
      optionDescription: ({ description, defaultValue, defaultValueDescription }) =>
        defaultValue === undefined || defaultValue === true
          ? description
          : `${description} (default: ${defaultValueDescription ?? String(defaultValue)})`,
    })
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup(globalGroup));
}

export const globalGroup = 'Global options:';

/** The program's, and every command's behind its own options: scripts may write it before or after the command. */
export function rootOption(): Option {
  return new Option('--root <dir>', 'folder of the store (env TSBUILD_ROOT)').helpGroup(globalGroup);
}

/** The end of a command's help: what to type, and what it does. */
export function examples(rows: readonly (readonly [line: string, meaning: string])[]): string {
  const width = Math.max(...rows.map(([line]) => line.length));
  return `\nExamples:\n${rows.map(([line, meaning]) => `  ${line.padEnd(width)}  ${meaning}\n`).join('')}`.trimEnd();
}

/** For repeatable options. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
