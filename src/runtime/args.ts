import { TsbuildError } from '../core/index.ts';
import type { ContainerDefaults } from '../oci/types.ts';

/** What the command line says about the program to start. */
export interface ArgsOverrides {
  /** `--entrypoint`: replaces the image's, and drops its CMD, which was written for the other program; `['']` for none. */
  readonly entrypoint?: readonly string[] | undefined;
  /** The words after the image's name: replace CMD. */
  readonly args?: readonly string[] | undefined;
}

/**
 * The argv of a container: ENTRYPOINT followed by CMD, both in exec form as image configs hold them (a shell form is
 * `/bin/sh -c text` there, whose shell takes further words as `$0`, `$1` … and so ignores CMD). Throws USAGE when there
 * is nothing to start.
 */
export function effectiveArgs(defaults: ContainerDefaults, overrides: ArgsOverrides = {}): string[] {
  const { entrypoint, args = [] } = overrides;
  const first = entrypoint ?? defaults.Entrypoint ?? [];
  const inherited = entrypoint === undefined ? (defaults.Cmd ?? []) : [];
  const argv = [
    ...(first.length === 1 && first[0] === '' ? [] : first),
    ...(args.length > 0 ? args : inherited),
  ];
  if (argv.length > 0) return argv;
  throw new TsbuildError('USAGE', 'no command to run: the image has neither ENTRYPOINT nor CMD', {
    hint: 'give a command after the name of the image',
  });
}
