import { statSync } from 'node:fs';
import { join } from 'node:path';

import type { Command } from 'commander';

import { TsbuildError } from '../core/index.ts';

export interface SourceFlags {
  readonly sourcePolicyFile?: string;
  readonly locked?: boolean;
  readonly lockFile?: string;
}

/** What is taken from elsewhere, and what of it. */
export function addSourceOptions(command: Command): Command {
  return addPolicyOption(command)
    .option('--locked', 'take what the lock file says, and nothing that it does not have (tsbuild lock)')
    .option('--lock-file <path>', 'the lock file (default: the Dockerfile with .lock behind its name)');
}

export function addPolicyOption(command: Command): Command {
  return command.option(
    '--source-policy-file <path>',
    'rules about images, repositories and URLs that may be taken (default: EXPERIMENTAL_BUILDKIT_SOURCE_POLICY)',
  );
}

export interface SourceOptions {
  readonly sourcePolicy: string | undefined;
  readonly lock: string | undefined;
}

/** Throws USAGE where it is not clear which lock file is meant. */
export function sourceOptionsOf(
  flags: SourceFlags,
  place: { readonly context: string; readonly file: string | undefined },
): SourceOptions {
  return {
    sourcePolicy: policyOf(flags),
    lock: flags.locked === true ? lockPathOf(flags, place) : undefined,
  };
}

export function policyOf({ sourcePolicyFile }: SourceFlags): string | undefined {
  const { EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: variable } = process.env;
  return sourcePolicyFile ?? (variable === '' ? undefined : variable);
}

/** Beside the Dockerfile. */
export function lockPathOf(
  { lockFile }: SourceFlags,
  { context, file }: { readonly context: string; readonly file: string | undefined },
): string {
  if (lockFile !== undefined) return lockFile;
  const isElsewhere = file === '-' || /^https?:\/\//i.test(file ?? '');
  // Of a repository or an archive, -f names a file in there.
  if (!isElsewhere && isFolder(context)) return `${file ?? join(context, 'Dockerfile')}.lock`;
  throw new TsbuildError('USAGE', 'the Dockerfile is no file beside which a lock file could lie', {
    hint: 'name one with --lock-file',
  });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
