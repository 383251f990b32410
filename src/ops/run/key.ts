import { canonicalJson, digestOf, type Digest, type Json } from '../../core/index.ts';
import type { PlannedMount, RunStep } from '../../graph/index.ts';
import type { CacheMap, KeyParts } from '../../solver/index.ts';
import type { BuildServices, State } from '../types.ts';
import { digestOfSource, sourcePathOf } from './source.ts';

/**
 * Everything that the command can observe (L-130). Left out on purpose: proxies, secret values, limits, and where in a
 * source what is mounted lies. A field that is added to RunStep does not compile until it is classified here.
 */
export function keyParts(step: RunStep): KeyParts {
  const {
    kind,
    argv,
    script,
    env,
    proxyEnv: _proxyEnv,
    cwd,
    user,
    network,
    security,
    devices,
    hostname,
    extraHosts,
    mounts,
    given,
    platform,
    display: _display,
    ...unclassified
  } = step;
  const none: Record<string, never> = unclassified;
  return {
    ...none,
    op: kind,
    argv,
    script: script === undefined ? null : { name: script.name, content: script.content },
    env,
    cwd,
    user,
    network,
    security,
    devices: devices.map(({ name, required }) => ({ name, required })),
    hostname,
    extraHosts,
    ...(given !== undefined && { given }),
    platform: { os: platform.os, architecture: platform.architecture, variant: platform.variant },
    mounts: mounts.map(mountParts),
  };
}

/** `from` is told by the index of the input, whose state has a key of its own; `source` by the input's selector. */
function mountParts(mount: PlannedMount): Json {
  const { from: _from, type, target, targetGiven, source, readonly, id, ...more } = mount;
  const { sharing, mode, uid, gid, size, required, env, input, ...unclassified } = more;
  const none: Record<string, never> = unclassified;
  return {
    ...none,
    type,
    target,
    targetGiven,
    source: input === undefined ? source : undefined,
    readonly,
    id,
    sharing,
    mode,
    uid,
    gid,
    size,
    required,
    env,
    input,
  };
}

/** The root counts with all it holds, every other input with what is mounted of it (L-131). */
export function keyInputs(
  step: RunStep,
  services: Pick<BuildServices, 'snapshotter'>,
  signal: AbortSignal | undefined,
): CacheMap<State>['inputs'] {
  const count = Math.max(0, ...step.mounts.map(({ input = 0 }) => input));
  const sources = Array.from({ length: count }, (_, index) => {
    const paths = step.mounts.filter(({ input }) => input === index + 1).map(sourcePathOf);
    return {
      selector: paths.length === 1 ? paths[0] : canonicalJson(paths),
      contentDigest: (state: State): Promise<Digest> => digestOfPaths(services, { state, paths }, signal),
    };
  });
  return [{ contentDigest: async (state) => (await state.settled).contentDigest }, ...sources];
}

async function digestOfPaths(
  services: Pick<BuildServices, 'snapshotter'>,
  { state, paths }: { readonly state: State; readonly paths: readonly string[] },
  signal: AbortSignal | undefined,
): Promise<Digest> {
  const digests: Digest[] = [];
  for (const path of paths) digests.push(await digestOfSource(services, { state, path }, signal));
  return digestOf(canonicalJson(digests));
}
