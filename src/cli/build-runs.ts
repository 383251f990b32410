import { Option, type Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import type { DnsChoices, GivenToRuns } from '../ops/index.ts';
import { parseFlag } from './build-words.ts';
import { collect } from './command.ts';
import { addHookOptions, hooksOf, type HookFlags } from './hook-flags.ts';
import { dnsOf } from './run-flags-network.ts';
import { securityOf } from './run-flags-security.ts';

/** Flags of buildah that hold for all RUN steps of a build. */
export interface RunStepFlags extends HookFlags {
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly securityOpt?: readonly string[];
  readonly device?: readonly string[];
  readonly groupAdd?: readonly string[];
  readonly volume?: readonly string[];
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOption?: readonly string[];
  /** False: `--no-hosts`, `--no-hostname`. */
  readonly hosts?: boolean;
  readonly hostname?: boolean;
  readonly httpProxy?: boolean;
}

/** What a command can observe of them is in the keys of its step: a step that ran with other rights is another step. */
export function addRunStepOptions(command: Command): Command {
  command
    .option('--cap-add <capability>', 'give them a capability, as NET_ADMIN, or ALL; repeatable', collect)
    .option('--cap-drop <capability>', 'take a capability away, or ALL; repeatable', collect)
    .option(
      '--security-opt <name[=value]>',
      'seccomp=FILE|unconfined, no-new-privileges, mask=, unmask=, apparmor=, label=; repeatable',
      collect,
    )
    .option('--device <host[:dst[:rwm]]>', 'a device of this machine, or one of CDI; repeatable', collect)
    .option('--group-add <group>', 'one more group, by name or number; repeatable', collect)
    .option(
      '-v, --volume <src:dst[:ro,…]>',
      'mount a folder or file of this machine; what is in it is in no key and no layer; repeatable',
      collect,
    )
    .option('--dns <address>', "name server, instead of the machine's, or none; repeatable", collect)
    .option('--dns-search <domain>', 'domain to look short names up in; repeatable', collect)
    .option('--dns-option <option>', 'option of resolv.conf(5); repeatable', collect)
    .option('--no-hosts', "leave them the image's own /etc/hosts")
    .addOption(
      new Option(
        '--http-proxy [true|false]',
        'the proxy settings of this environment; false: none at all (default: those of docker)',
      ).argParser(parseFlag('--http-proxy')),
    )
    // As it is without it: for command lines of buildah.
    .addOption(new Option('--no-hostname', 'make no /etc/hostname').hideHelp());
  return addHookOptions(command);
}

export interface RunStepOptions {
  readonly dns: DnsChoices | undefined;
  readonly given: GivenToRuns | undefined;
}

/** Throws USAGE. */
export async function runStepOptionsOf(flags: RunStepFlags): Promise<RunStepOptions> {
  const { dns = [], dnsSearch = [], dnsOption = [] } = flags;
  const without = dns.includes('none');
  if (without && dns.length + dnsSearch.length + dnsOption.length > 1) {
    throw new TsbuildError('USAGE', '--dns none leaves no resolv.conf for other name servers and options', {
      hint: 'leave out one or the other',
    });
  }
  const asked = !without && dns.length + dnsSearch.length + dnsOption.length > 0;
  return { dns: asked ? dnsOf(flags) : undefined, given: await givenOf(flags, without) };
}

/** Undefined without any of the flags: most builds have none, and nothing more is loaded or looked up. */
async function givenOf(flags: RunStepFlags, withoutResolvConf: boolean): Promise<GivenToRuns | undefined> {
  const { capAdd, capDrop, securityOpt, device, groupAdd, volume, hooksDir, cdiHooks } = flags;
  const withoutHosts = flags.hosts === false;
  const lists = [capAdd, capDrop, securityOpt, device, groupAdd, volume, hooksDir];
  const asked =
    lists.some((list) => list !== undefined) || cdiHooks === true || withoutHosts || withoutResolvConf;
  if (!asked) return undefined;
  const { parseVolumeFlag, refuseSamePlace } = await import('../ops/index.ts');
  const mounts = (volume ?? []).map(parseVolumeFlag);
  refuseSamePlace(mounts);
  const volumes = mounts.flatMap((mount) => (mount.kind === 'bind' ? [mount] : []));
  if (volumes.length < mounts.length) {
    throw new TsbuildError('USAGE', '-v: RUN steps have no volumes of their own', {
      hint: 'name a folder of this machine, as -v ./data:/data, or use RUN --mount=type=cache',
    });
  }
  const {
    hooksDir: _hooks,
    volume: _volume,
    hosts: _hosts,
    hostname: _hostname,
    httpProxy: _proxy,
    ...secured
  } = flags;
  const security = securityOf({ ...secured, network: 'default' });
  return {
    security,
    seccompDigest: await digestOfProfile(security.options.seccomp),
    volumes,
    hooks: await hooksOf(flags),
    withoutHosts,
    withoutResolvConf,
  };
}

async function digestOfProfile(
  seccomp: GivenToRuns['security']['options']['seccomp'],
): Promise<GivenToRuns['seccompDigest']> {
  if (typeof seccomp === 'string') return undefined;
  const [{ readFileSync }, { digestOf }] = await Promise.all([import('node:fs'), import('../core/index.ts')]);
  try {
    return digestOf(readFileSync(seccomp.file, 'utf8'));
  } catch (error) {
    throw new TsbuildError('USAGE', `--security-opt: cannot read the seccomp profile ${seccomp.file}`, {
      cause: error,
    });
  }
}
