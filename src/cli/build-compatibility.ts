import type { Command } from 'commander';

import { parseCompatibilityVersion } from '../core/index.ts';

export interface CompatibilityFlags {
  readonly compatibilityVersion?: string;
}

const variable = 'TSBUILD_COMPATIBILITY_VERSION';

export function addCompatibilityOption(command: Command): Command {
  return command.option(
    '--compatibility-version <number>',
    `fail unless this tsbuild makes the digests of that version (default: ${variable}, else the newest)`,
  );
}

/** Throws USAGE for a version that cannot be kept to. There is one so far: nothing follows from the choice. */
export function checkCompatibility({ compatibilityVersion }: CompatibilityFlags): void {
  const inherited = process.env[variable];
  // An empty variable is none; an empty flag is a version that a script has lost.
  const wanted = compatibilityVersion ?? (inherited === '' ? undefined : inherited);
  if (wanted !== undefined) parseCompatibilityVersion(wanted);
}
