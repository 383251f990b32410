import { Option, type Command } from 'commander';

import type { RunNetwork } from '../graph/index.ts';
import type { Platform } from '../oci/types.ts';
import { parseBuildArgs } from './build-values.ts';
import { collect } from './command.ts';

/** What says which steps there are: `build` runs them, `plan` shows them. */
export interface PlanningFlags {
  readonly file?: string;
  readonly buildArg?: readonly string[];
  readonly target?: string;
  readonly cache: boolean;
  readonly pull?: boolean;
  readonly platform?: string;
  readonly network: RunNetwork;
}

/** The context and the flags that shape the plan. */
export function addPlanningOptions(command: Command): Command {
  return command
    .argument('<context>', 'folder that COPY and ADD take files from; . is the current one')
    .option('-f, --file <path>', 'the Dockerfile; -: standard input (default: Dockerfile of the context)')
    .option(
      '--build-arg <name[=value]>',
      'value of an ARG (default: of the environment); repeatable',
      collect,
    )
    .option('--target <stage>', 'stage to build (default: the last)')
    .option('--no-cache', 'run every step anew; the results are still kept')
    .option('--pull', 'ask the registry for base images even when the store has them')
    .option('--platform <platform>', 'platform of the base images, as linux/amd64')
    .addOption(
      new Option('--network <default|host|none>', "network of RUN steps; default is the host's own, too")
        .choices(['default', 'host', 'none'])
        .default('default'),
    );
}

/** Options of `build()` and `planBuild()` alike. */
export interface PlanningOptions {
  readonly file: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly target: string | undefined;
  readonly platform: Platform | undefined;
  readonly noCache: boolean;
  readonly pull: boolean | undefined;
  readonly network: RunNetwork;
}

/** Throws USAGE and its kind for values that make no sense. */
export async function planningOptionsOf(flags: PlanningFlags): Promise<PlanningOptions> {
  const { parsePlatform } = await import('../oci/index.ts');
  return {
    file: flags.file,
    buildArgs: parseBuildArgs(flags.buildArg ?? []),
    target: flags.target,
    platform: flags.platform === undefined ? undefined : parsePlatform(flags.platform),
    noCache: !flags.cache,
    pull: flags.pull,
    network: flags.network,
  };
}
