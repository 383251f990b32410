import { Option, type Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import type { Platform } from '../oci/types.ts';
import type { ContainerOptions } from '../ops/index.ts';
import { collect } from './command.ts';
import { dockerProxies } from './docker-proxies.ts';
import { addHookOptions, hooksOf, type HookFlags } from './hook-flags.ts';
import { addLimitOptions, limitsOf, type LimitFlags } from './limits.ts';
import { addLifeOptions, lifeOf, type LifeFlags } from './run-flags-life.ts';
import { addMountOptions, mountsOf, type MountFlags } from './run-flags-mounts.ts';
import { addNetworkOptions, networkOf, type NetworkFlags } from './run-flags-network.ts';
import { addSecurityOptions, securityOf, type SecurityFlags } from './run-flags-security.ts';
import { parseEnv, readEnvFile } from './run-values.ts';

/** The flags that `run` and `create` share, as commander gives them. */
export interface RunFlags extends MountFlags, NetworkFlags, SecurityFlags, LifeFlags, LimitFlags, HookFlags {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly name?: string;
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly entrypoint?: string;
  readonly cidfile?: string;
  readonly pull: PullPolicy;
  readonly platform?: string;
}

/** When the registry is asked for the image: never means that the store must have it. */
export type PullPolicy = 'always' | 'missing' | 'never';

/** What `run` and `create` are told about the image and the container, but for the streams. */
export interface RunChoices {
  readonly pull: PullPolicy;
  /** This machine's unless told. */
  readonly platform: Platform | undefined;
  /** File that the id is written to; it must not exist. */
  readonly cidfile: string | undefined;
  readonly container: Omit<ContainerOptions, 'image' | 'imageName' | 'signal' | 'stdio' | 'stdin'>;
}

/** Adds the image and the command, and every flag but `-d`. */
export function addRunOptions(command: Command): Command {
  command
    .argument('<image>', 'name or id of an image; pulled when the store does not have it')
    .argument('[command...]', 'command and its arguments, instead of those of the image')
    .passThroughOptions()
    .option('-i, --interactive', 'pass standard input on')
    .option('-t, --tty', 'give it a terminal')
    .option('--name <name>', 'name of the container (default: a random one)')
    .option('-e, --env <name[=value]>', 'variable (default: of the environment); repeatable', collect)
    .option('--env-file <file>', 'file of such variables, one a line; repeatable', collect)
    .option('-w, --workdir <dir>', 'working directory')
    .option('-u, --user <user>', 'user, as name|uid[:group|gid]')
    .option('--entrypoint <program>', 'instead of the entrypoint of the image; empty: none')
    .addOption(
      new Option('--pull <always|missing|never>', 'when to ask the registry for the image')
        .choices(['always', 'missing', 'never'])
        .default('missing'),
    )
    .option('--platform <platform>', "platform of the image, as linux/arm64 (default: this machine's)")
    .option('--cidfile <file>', 'write the container id to a new file');
  addLifeOptions(command);
  addMountOptions(command.optionsGroup('Mounts:'));
  addNetworkOptions(command.optionsGroup('Network:'));
  addSecurityOptions(command.optionsGroup('Security:'));
  addHookOptions(command.optionsGroup('Hooks:'));
  addLimitOptions(command.optionsGroup('Limits:'));
  return command;
}

/** Throws USAGE. */
export async function runChoices(flags: RunFlags, args: readonly string[]): Promise<RunChoices> {
  return {
    pull: flags.pull,
    platform: await platformOf(flags),
    cidfile: flags.cidfile,
    container: {
      name: flags.name,
      args,
      entrypoint: entrypointOf(flags),
      env: [
        ...dockerProxies().map(([variable, value]) => `${variable}=${value}`),
        ...(flags.envFile ?? []).flatMap(readEnvFile),
        ...(flags.env ?? []).flatMap(parseEnv),
      ],
      cwd: workdirOf(flags),
      user: flags.user,
      hostname: flags.hostname,
      network: await networkOf(flags),
      mounts: await mountsOf(flags),
      volumesFrom: flags.volumesFrom ?? [],
      readonlyRootfs: flags.readOnly === true,
      security: securityOf(flags),
      hooks: await hooksOf(flags),
      limits: limitsOf(flags),
      ...(await lifeOf(flags)),
    },
  };
}

async function platformOf({ platform }: RunFlags): Promise<Platform | undefined> {
  if (platform === undefined) return undefined;
  const { parsePlatform } = await import('../oci/index.ts');
  return parsePlatform(platform);
}

function entrypointOf({ entrypoint }: RunFlags): readonly string[] | undefined {
  if (entrypoint === undefined) return undefined;
  return entrypoint === '' ? [] : [entrypoint];
}

function workdirOf({ workdir }: RunFlags): string | undefined {
  if (workdir === undefined || workdir.startsWith('/')) return workdir;
  throw new TsbuildError('USAGE', `--workdir: ${JSON.stringify(workdir)} is not an absolute path`);
}
