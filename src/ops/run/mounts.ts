import { chmodSync } from 'node:fs';
import { posix } from 'node:path';

import { assertNever } from '../../core/index.ts';
import type { PlannedMount, RunStep } from '../../graph/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import type { RunContext } from '../../solver/index.ts';
import { memoryFile } from '../memory-file.ts';
import type { BuildServices, State } from '../types.ts';
import { bindMount } from './bind.ts';
import { cacheFolders } from './cache-mounts.ts';
import { secretMount } from './secret.ts';
import { sourcePathOf } from './source.ts';
import { sshMount } from './ssh.ts';

/** What a RUN step's `--mount` options come to; disposing removes secrets and releases cache mounts. */
export interface RunMounts extends AsyncDisposable {
  readonly mounts: readonly MountConfig[];
  /** Variables of secrets given by `env=`, and where the first agent is. */
  readonly env: readonly string[];
  /** As ContainerSpec has them. */
  readonly subpaths: Readonly<Record<string, string>>;
  readonly subpathKinds: Readonly<Record<string, 'file' | 'directory'>>;
  /** Values that output must not show. */
  readonly secrets: readonly Uint8Array[];
}

export async function runMounts(
  step: RunStep,
  parts: {
    readonly services: BuildServices;
    readonly inputs: readonly State[];
    readonly context: RunContext;
  },
): Promise<RunMounts> {
  const held = new AsyncDisposableStack();
  try {
    const result: Collected = { mounts: [], env: sshEnv(step), subpaths: {}, subpathKinds: {}, secrets: [] };
    const caches = await cacheFolders(step.mounts, { ...parts, held });
    for (const mount of step.mounts) await addMount(mount, { ...parts, caches, held }, result);
    if (step.script !== undefined) result.mounts.push(scriptMount(step.script, held));
    return { ...result, ...visible(result), [Symbol.asyncDispose]: () => held.disposeAsync() };
  } catch (error) {
    await held.disposeAsync();
    throw error;
  }
}

interface MountRequest {
  readonly services: BuildServices;
  readonly inputs: readonly State[];
  readonly caches: ReadonlyMap<PlannedMount, string>;
  readonly held: AsyncDisposableStack;
}

interface Collected {
  readonly mounts: MountConfig[];
  readonly env: string[];
  readonly subpaths: Record<string, string>;
  readonly subpathKinds: Record<string, 'file' | 'directory'>;
  readonly secrets: Uint8Array[];
}

async function addMount(mount: PlannedMount, request: MountRequest, into: Collected): Promise<void> {
  switch (mount.type) {
    case 'tmpfs':
      into.mounts.push(tmpfsMount(mount));
      return;
    case 'secret': {
      const secret = secretMount(mount, request.services.secrets, request.held);
      if (secret === undefined) return;
      into.secrets.push(secret.value);
      if (secret.env !== undefined) into.env.push(secret.env);
      if (secret.mount !== undefined) addConfig(into, secret.mount);
      return;
    }
    case 'cache': {
      const source = request.caches.get(mount);
      if (source === undefined) throw new Error('a cache mount without a folder');
      const access = mount.readonly === true ? ['ro'] : [];
      const options = ['bind', 'nosuid', 'nodev', ...access];
      // A seeded cache is a copy of the path itself.
      const inside = mount.input === undefined ? sourcePathOf(mount) : '/';
      addConfig(into, { destination: mount.target, type: 'bind', source, options }, inside);
      return;
    }
    case 'bind': {
      const bound = await bindMount(mount, inputOf(mount, request.inputs), request);
      addConfig(into, bound.mount, bound.subpath);
      into.subpathKinds[mount.target] = bound.kind;
      return;
    }
    case 'ssh': {
      const config = await sshMount(mount, { agents: request.services.ssh, held: request.held });
      if (config !== undefined) addConfig(into, config);
      return;
    }
    default:
      assertNever(mount.type);
  }
}

function addConfig(into: Collected, mount: MountConfig, subpath = '/'): void {
  into.mounts.push(mount);
  // Of an earlier mount at the same place, which this one hides.
  Reflect.deleteProperty(into.subpaths, mount.destination);
  if (subpath !== '/') into.subpaths[mount.destination] = subpath;
}

/** Of several mounts at one place the last is the one that shows (L-145); the others need not be made. */
function visible({ mounts }: Collected): { readonly mounts: readonly MountConfig[] } {
  const last = new Map(mounts.map((mount) => [posix.resolve('/', mount.destination), mount]));
  return { mounts: mounts.filter((mount) => last.get(posix.resolve('/', mount.destination)) === mount) };
}

function inputOf({ input = 0, target }: PlannedMount, inputs: readonly State[]): State {
  const state = input === 0 ? undefined : inputs[input];
  if (state === undefined) throw new Error(`the mount on ${target} has no source`);
  return state;
}

function tmpfsMount({ target, size, readonly }: PlannedMount): MountConfig {
  const limit = size === undefined || size === 0 ? [] : [`size=${size}`];
  const access = readonly === true ? ['ro'] : [];
  const options = ['nosuid', 'nodev', 'mode=1777', ...limit, ...access];
  return { destination: target, type: 'tmpfs', source: 'tmpfs', options };
}

/** Set by what the step asks for, not by what the user gives: with an agent or without, the step is the same one (L-141). */
function sshEnv({ mounts, env }: RunStep): string[] {
  const first = mounts.find(({ type }) => type === 'ssh');
  if (first === undefined || env.some((entry) => entry.startsWith('SSH_AUTH_SOCK='))) return [];
  return [`SSH_AUTH_SOCK=${first.target}`];
}

/** The script of a heredoc with a `#!` line (L-045). */
function scriptMount(
  script: { readonly name: string; readonly content: string },
  held: AsyncDisposableStack,
): MountConfig {
  const { path } = held.use(memoryFile(Buffer.from(script.content)));
  chmodSync(path, 0o755);
  return { destination: `/dev/pipes/${script.name}`, type: 'bind', source: path, options: ['bind', 'ro'] };
}
