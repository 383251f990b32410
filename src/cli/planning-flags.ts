import { Option, type Command } from 'commander';

import type { Entitlement, RunNetwork } from '../graph/index.ts';
import type { Platform } from '../oci/types.ts';
import type { ContextModes, NamedContext, SecretSource, SshSource } from '../ops/index.ts';
import type { HostEntry } from '../runtime/index.ts';
import { parseAllow, parseBuildArgs, parseNoCacheFilter, parseSecret } from './build-values.ts';
import { parseAge } from './moment.ts';
import { platformOption, platformsOf, type PlatformFlags } from './build-platforms.ts';
import { sourceOptionsOf, type SourceFlags, type SourceOptions } from './build-sources.ts';
import { runStepOptionsOf, type RunStepFlags, type RunStepOptions } from './build-runs.ts';
import { collect } from './command.ts';
import { buildProxies } from './docker-proxies.ts';

/** What says which steps there are: `build` runs them, `plan` shows them. */
export interface PlanningFlags extends PlatformFlags, SourceFlags, RunStepFlags {
  readonly file?: string;
  readonly buildArg?: readonly string[];
  readonly target?: string;
  readonly cache: boolean;
  readonly pull?: boolean;
  readonly network: RunNetwork;
  readonly ignorefile?: string;
  readonly buildContext?: readonly string[];
  readonly contextModes: ContextModes;
  readonly cacheTtl?: string;
  readonly noCacheFilter?: readonly string[];
  readonly addHost?: readonly string[];
  readonly allow?: readonly string[];
  readonly secret?: readonly string[];
  readonly ssh?: readonly string[];
}

/** The context and the flags that shape the plan. */
export function addPlanningOptions(command: Command): Command {
  return command
    .argument(
      '<context>',
      'what COPY and ADD take files from: a folder, a git repository (URL#ref:folder), the URL of an archive, or - for an archive or a Dockerfile on standard input',
    )
    .option(
      '-f, --file <path>',
      'the Dockerfile: a path, a URL, or - for standard input (default: Dockerfile of the context)',
    )
    .option('--ignorefile <path>', 'read ignore patterns from here instead of .dockerignore')
    .option(
      '--build-context <name=value>',
      'what FROM and --from of that name mean: a folder, docker-image://, oci-layout://, a git repository, a URL; repeatable',
      collect,
    )
    .addOption(
      new Option(
        '--context-modes <exact|git>',
        'modes of the files of contexts: as they are, or what git keeps of them, so that no umask shows',
      )
        .choices(['exact', 'git'])
        .default('exact'),
    )
    .option(
      '--build-arg <name[=value]>',
      'value of an ARG (default: of the environment); repeatable',
      collect,
    )
    .option('--target <stage>', 'stage to build (default: the last)')
    .option('--no-cache', 'run every step anew; the results are still kept')
    .option('--cache-ttl <duration>', 'results of steps older than this count as none: 24h, 30m')
    .addOption(noCacheFilterOption())
    .option('--pull', 'ask the registry for base images even when the store has them')
    .addOption(platformOption())
    .addOption(
      new Option(
        '--network <default|host|none>',
        "network of RUN steps: one of each step's own with a way out (default), the host's, or none",
      )
        .choices(['default', 'host', 'none'])
        .default('default'),
    )
    .option('--add-host <name:address>', 'line more in /etc/hosts of RUN steps; repeatable', collect)
    .option(
      '--allow <entitlement>',
      'let the Dockerfile ask for network.host, security.insecure or device; repeatable',
      collect,
    )
    .option(
      '--secret <spec>',
      'for RUN --mount=type=secret: id=NAME,src=FILE or id=NAME,env=VARIABLE; repeatable',
      collect,
    )
    .option(
      '--ssh <id[=socket|key,…]>',
      'for RUN --mount=type=ssh and git over ssh: default is your own agent; repeatable',
      collect,
    );
}

function noCacheFilterOption(): Option {
  const option = new Option('--no-cache-filter <stage,…>', 'run the steps of these stages anew; repeatable');
  // For commander every `--no-` switches something off.
  option.negate = false;
  return option.argParser(collect);
}

/** Options of `build()` and `planBuild()` alike. */
export interface PlanningOptions extends SourceOptions, RunStepOptions {
  readonly file: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly target: string | undefined;
  readonly platforms: readonly Platform[] | undefined;
  readonly noCache: boolean | ReadonlySet<string>;
  readonly cacheTtl: number | undefined;
  readonly pull: boolean | undefined;
  readonly network: RunNetwork;
  readonly ignoreFile: string | undefined;
  readonly namedContexts: readonly NamedContext[];
  readonly contextModes: ContextModes;
  readonly extraHosts: readonly HostEntry[];
  readonly allow: ReadonlySet<Entitlement>;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  readonly ssh: ReadonlyMap<string, SshSource>;
}

/** Throws USAGE and its kind for values that make no sense. */
export async function planningOptionsOf(flags: PlanningFlags, context: string): Promise<PlanningOptions> {
  const { parseBuildContext, parseSshSource } = await import('../ops/index.ts');
  const { hostGateway, parseAddHost } = await import('../runtime/index.ts');
  const sshSources = (flags.ssh ?? []).map((text) => parseSshSource(text));
  return {
    ...sourceOptionsOf(flags, { context, file: flags.file }),
    ...(await runStepOptionsOf(flags)),
    file: flags.file,
    buildArgs: new Map([...buildProxies(flags.httpProxy), ...parseBuildArgs(flags.buildArg ?? [])]),
    target: flags.target,
    platforms: await platformsOf(flags),
    noCache: flags.cache ? parseNoCacheFilter(flags.noCacheFilter ?? []) : true,
    cacheTtl: flags.cacheTtl === undefined ? undefined : parseAge('--cache-ttl', flags.cacheTtl),
    pull: flags.pull,
    network: flags.network,
    ignoreFile: flags.ignorefile,
    contextModes: flags.contextModes,
    namedContexts: (flags.buildContext ?? []).map(parseBuildContext),
    extraHosts: (flags.addHost ?? []).map((text) => parseAddHost(text, hostGateway)),
    allow: parseAllow(flags.allow ?? []),
    secrets: new Map((flags.secret ?? []).map(parseSecret)),
    ssh: new Map(sshSources.map(({ id, source }) => [id, source])),
  };
}
