import { chmodSync, chownSync, readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';

import { assertNever, TsbuildError } from '../../core/index.ts';
import type { PlannedMount, RunStep } from '../../graph/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import type { RunContext } from '../../solver/index.ts';
import { cacheFolders } from './cache-mounts.ts';
import { memoryFile } from '../memory-file.ts';
import type { BuildServices, SecretSource } from '../types.ts';

/** What a RUN step's `--mount` options come to; disposing removes secrets and releases cache mounts. */
export interface RunMounts extends AsyncDisposable {
  readonly mounts: readonly MountConfig[];
  /** Variables of secrets given by `env=`. */
  readonly env: readonly string[];
  /** As ContainerSpec has them. */
  readonly subpaths: Readonly<Record<string, string>>;
  /** Values that output must not show. */
  readonly secrets: readonly Uint8Array[];
}

const maxSecretSize = 500 * 1024;

export async function runMounts(
  step: RunStep,
  services: BuildServices,
  context: RunContext,
): Promise<RunMounts> {
  const held = new AsyncDisposableStack();
  const result: Collected = { mounts: [], env: [], subpaths: {}, secrets: [] };
  try {
    const caches = await cacheFolders(step.mounts, services.store, { context, held });
    for (const mount of step.mounts) addMount({ mount, services, caches, held }, result);
    if (step.script !== undefined) result.mounts.push(scriptMount(step.script, held));
    return { ...result, [Symbol.asyncDispose]: () => held.disposeAsync() };
  } catch (error) {
    await held.disposeAsync();
    throw error;
  }
}

interface MountRequest {
  readonly mount: PlannedMount;
  readonly services: BuildServices;
  readonly caches: ReadonlyMap<PlannedMount, string>;
  readonly held: AsyncDisposableStack;
}

interface Collected {
  readonly mounts: MountConfig[];
  readonly env: string[];
  readonly subpaths: Record<string, string>;
  readonly secrets: Uint8Array[];
}

function addMount(request: MountRequest, into: Collected): void {
  const { mount } = request;
  switch (mount.type) {
    case 'tmpfs': {
      const size = mount.size === undefined || mount.size === 0 ? [] : [`size=${mount.size}`];
      into.mounts.push({
        destination: mount.target,
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'nodev', 'mode=1777', ...size],
      });
      return;
    }
    case 'secret':
      addSecret(request, into);
      return;
    case 'cache':
      into.mounts.push(cacheMount(request));
      if (mount.source !== undefined) into.subpaths[mount.target] = posix.resolve('/', mount.source);
      return;
    case 'bind':
    case 'ssh':
      throw new TsbuildError('DOCKERFILE_UNSUPPORTED', `RUN --mount=type=${mount.type} is not supported yet`);
    default:
      assertNever(mount.type);
  }
}

function addSecret({ mount, services, held }: MountRequest, into: Collected): void {
  const id = mount.id ?? posix.basename(mount.target);
  const source = services.secrets.get(id);
  if (source === undefined) {
    if (mount.required !== true) return;
    throw new TsbuildError('SECRET_INVALID', `secret ${id} is required but was not given`, {
      hint: `add --secret id=${id},src=FILE`,
    });
  }
  const value = readSecret(id, source);
  into.secrets.push(value);
  if (mount.env !== undefined) into.env.push(`${mount.env}=${value.toString('utf8')}`);
  if (mount.env !== undefined && !mount.targetGiven) return;
  const { path } = held.use(memoryFile(value));
  chownSync(path, mount.uid ?? 0, mount.gid ?? 0);
  chmodSync(path, mount.mode ?? 0o400);
  into.mounts.push({
    destination: mount.target,
    type: 'bind',
    source: path,
    options: ['bind', 'ro', 'nosuid', 'noexec', 'nodev'],
  });
}

function readSecret(id: string, source: SecretSource): Buffer {
  if (source.kind === 'env') {
    const value = process.env[source.name];
    if (value === undefined) {
      throw new TsbuildError('SECRET_INVALID', `secret ${id}: the variable ${source.name} is not set`);
    }
    return Buffer.from(value);
  }
  try {
    if (statSync(source.path).size > maxSecretSize) {
      throw new TsbuildError(
        'SECRET_INVALID',
        `secret ${id} is larger than ${maxSecretSize / 1024} KiB: ${source.path}`,
      );
    }
    return readFileSync(source.path);
  } catch (error) {
    if (error instanceof TsbuildError) throw error;
    throw new TsbuildError('SECRET_INVALID', `secret ${id} cannot be read: ${source.path}`, { cause: error });
  }
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

function cacheMount({ mount, caches }: MountRequest): MountConfig {
  if (mount.input !== undefined)
    throw new TsbuildError('DOCKERFILE_UNSUPPORTED', 'RUN --mount=type=cache,from= is not supported yet');
  const source = caches.get(mount);
  if (source === undefined) throw new Error('a cache mount without a folder');
  const access = mount.readonly === true ? ['ro'] : [];
  return { destination: mount.target, type: 'bind', source, options: ['bind', 'nosuid', 'nodev', ...access] };
}
