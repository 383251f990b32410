import { canonicalJson, digestOf, type Digest, type Json } from '../../core/index.ts';
import { matchHooks, type HookFile } from '../../runtime/index.ts';
import type { SecurityChoices } from '../container/security.ts';
import type { HookChoices } from '../container/hooks.ts';
import type { BindRequest } from '../volumes/requests.ts';

/** What the command line gives to every RUN step, beside what each asks for. */
export interface GivenToRuns {
  readonly security: SecurityChoices;
  /** Digest of a named seccomp profile. */
  readonly seccompDigest?: Digest | undefined;
  readonly volumes: readonly BindRequest[];
  readonly hooks: HookChoices;
  /** The image's own /etc/hosts and /etc/resolv.conf are seen. */
  readonly withoutHosts: boolean;
  readonly withoutResolvConf: boolean;
}

/**
 * What of it a command can observe, for the keys of steps; undefined when nothing is given. Of volumes the text counts
 * and not what is in them, of hooks who is run and not what that does. Name servers, as addresses of hosts, are in no key.
 */
export function keyOfGiven(given: GivenToRuns): Json | undefined {
  const { security, seccompDigest, volumes, hooks, withoutHosts, withoutResolvConf } = given;
  const { options } = security;
  const words: Readonly<Record<string, Json | undefined>> = {
    capabilities: security.capAdd.length + security.capDrop.length > 0 ? security.capabilities : undefined,
    seccomp: options.seccomp === 'default' ? undefined : (seccompDigest ?? 'unconfined'),
    noNewPrivileges: options.noNewPrivileges || undefined,
    systemPaths: options.systemPathsUnconfined || undefined,
    mask: options.mask,
    unmask: options.unmask,
    apparmor: options.apparmor,
    label: options.label,
    devices: orNone(security.devices.map((device) => ({ ...device }))),
    cdiDevices: orNone(security.cdiDevices),
    cdiHooks: hooks.cdi || undefined,
    groups: orNone(security.groups),
    volumes: orNone(volumes.map((volume) => ({ ...volume }) as unknown as Json)),
    hooks: orNone(hooks.files.map(keyOfHook)),
    withoutHosts: withoutHosts || undefined,
    withoutResolvConf: withoutResolvConf || undefined,
  };
  const said = Object.entries(words).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return said.length === 0 ? undefined : Object.fromEntries(said);
}

function orNone<T extends Json>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Patterns as they are written. */
function keyOfHook({ hook, when, stages }: HookFile): Json {
  const text = JSON.stringify({ hook, when, stages }, (_, value: unknown) =>
    value instanceof RegExp ? value.source : value,
  );
  return digestOf(canonicalJson(JSON.parse(text) as Json));
}

/** The hooks of a step with that command. */
export function hooksOfStep(
  given: GivenToRuns | undefined,
  args: readonly string[],
): ReturnType<typeof matchHooks> {
  if (given === undefined) return {};
  return matchHooks(given.hooks.files, { args, hasBindMounts: given.volumes.length > 0 });
}
