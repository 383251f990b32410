import { accessSync, chmodSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { TsbuildError, type EmitBuildEvent } from './core/index.ts';
import {
  baseResolver,
  buildChecks,
  openBuildInputs,
  StoreCache,
  verticesOf,
  type BuildServices,
  type NamedContext,
  type RunLimits,
  type SecretSource,
  type StandardInput,
  type State,
} from './ops/index.ts';
import type { Dockerfile } from './dockerfile/types.ts';
import { plan, type BuildPlan, type RunNetwork } from './graph/index.ts';
import { hostPlatform, type Platform } from './oci/index.ts';
import { buildHosts, createRuntime, resolvConf } from './runtime/index.ts';
import { overlaySnapshotter } from './snapshot/index.ts';
import type { Vertex } from './solver/index.ts';
import { createHttpFetcher } from './source/index.ts';
import { openStore, type Store } from './store/index.ts';

/** What says which steps there are. */
export interface PlanningOptions {
  /** Folder of the store. */
  readonly root: string;
  /** The build context: a folder, a git repository, a URL, or `-` for standard input. */
  readonly context: string;
  /** Dockerfile: a path, a URL, or `-` for standard input; default `Dockerfile` in the context. */
  readonly file?: string | undefined;
  /** Taken instead of .dockerignore and its kind. */
  readonly ignoreFile?: string | undefined;
  /** What `--build-context` names. */
  readonly namedContexts?: readonly NamedContext[] | undefined;
  /** In the place of this process's own. */
  readonly stdin?: StandardInput | undefined;
  readonly buildArgs?: ReadonlyMap<string, string> | undefined;
  readonly target?: string | undefined;
  readonly platform?: Platform | undefined;
  readonly noCache?: boolean | undefined;
  readonly pull?: boolean | undefined;
  readonly network?: RunNetwork | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly emit?: EmitBuildEvent | undefined;
}

/** What only matters to steps that run. */
export interface RunningOptions {
  readonly labels?: readonly (readonly [string, string])[] | undefined;
  readonly secrets?: ReadonlyMap<string, SecretSource> | undefined;
  readonly limits?: RunLimits | undefined;
}

/** A build about to begin: all is read and planned, nothing has run. */
export interface PlannedBuild extends AsyncDisposable {
  readonly store: Store;
  readonly dockerfile: Dockerfile;
  readonly plan: BuildPlan;
  readonly target: Vertex<State>;
  readonly cache: StoreCache;
  readonly signal: AbortSignal;
  readonly emit: EmitBuildEvent;
}

/**
 * Reads the Dockerfile, opens store and contexts, and plans. With `bases: 'look-up'` base images that the store does not
 * have are asked for but not fetched: their steps can be shown and not run.
 */
export async function openPlannedBuild(
  options: PlanningOptions & RunningOptions,
  { bases }: { readonly bases: 'pull' | 'look-up' },
): Promise<PlannedBuild> {
  const emit = warnOnce(options.emit ?? (() => undefined));
  const signal = options.signal ?? new AbortController().signal;
  await using held = new AsyncDisposableStack();
  checkSecrets(options.secrets ?? new Map());
  // Made before it is needed only where something must be fetched: a mistyped path makes no store.
  let opening: Promise<Store> | undefined;
  const openedStore = (): Promise<Store> =>
    (opening ??= openStore(options.root).then((opened) => held.use(opened)));
  const buildArgs = options.buildArgs ?? new Map<string, string>();
  const inputs = held.use(
    await openBuildInputs({
      ...options,
      signal,
      named: options.namedContexts,
      parse: { syntax: buildArgs.get('BUILDKIT_SYNTAX') },
      keepGitDir: isTrue(buildArgs.get('BUILDKIT_CONTEXT_KEEP_GIT_DIR')),
      remote: async () => {
        const store = await openedStore();
        return { tempDir: () => store.tempDir(), sources: sourcesOf(store, options) };
      },
    }),
  );
  const { dockerfile, context, contexts, named } = inputs;
  const checks = buildChecks(dockerfile, { ...options, context }, emit);

  const store = await openedStore();
  // Before the first look into the store: what is found from here on stays until the build ends (design decision 9).
  const lease = held.use(await store.lease());
  const planning = plan(dockerfile, {
    buildArgs,
    target: options.target,
    platform: options.platform ?? hostPlatform(),
    buildPlatform: hostPlatform(),
    labels: options.labels ?? [],
    noCache: options.noCache ?? false,
    network: options.network ?? 'default',
    contexts: named,
    allow: new Set(),
    extraHosts: [],
    resolveLayout: () => {
      throw new TsbuildError('DOCKERFILE_UNSUPPORTED', 'bases of OCI layouts are not supported yet');
    },
    resolveBase: checks.watch(baseResolver({ store, pull: options.pull ?? false, signal, emit, bases })),
  });
  const planned = await checks.around(planning);
  for (const message of planned.warnings) emit({ type: 'warning', message });

  const files = held.use(await stepFiles(store));
  const services: BuildServices = {
    store,
    lease,
    snapshotter: overlaySnapshotter(store.snapshots),
    runtime: createRuntime({ stubs: join(store.root, 'runtime') }),
    contexts,
    sources: sourcesOf(store, options),
    interrupted: signal,
    secrets: options.secrets ?? new Map(),
    ssh: new Map(),
    limits: options.limits ?? { resources: {}, rlimits: [] },
    files,
  };
  const target = verticesOf(planned.target, services);
  const cache = new StoreCache({ ...services, scope: scopeOf(dockerfile.file, options.context) });
  const resources = held.move();
  return {
    store,
    dockerfile,
    plan: planned,
    target,
    cache,
    signal,
    emit,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** What is compared with what, when a miss is explained: builds of one Dockerfile with one context. */
function scopeOf(file: string, context: string): string {
  return JSON.stringify([file === 'stdin' ? '-' : resolve(file), resolve(context)]);
}

function sourcesOf(store: Store, { secrets }: RunningOptions): BuildServices['sources'] {
  return {
    git: { resolve: unsupportedSource, checkout: unsupportedSource },
    http: createHttpFetcher({
      folder: join(store.root, 'downloads'),
      secret: (id) => {
        const source = secrets?.get(id);
        return source === undefined ? undefined : readSecret(source);
      },
    }),
  };
}

function readSecret(source: SecretSource): Buffer | undefined {
  if (source.kind === 'file') return readFileSync(source.path);
  const value = process.env[source.name];
  return value === undefined ? undefined : Buffer.from(value);
}

/** As Go's ParseBool, which BuildKit reads its own build args with. */
function isTrue(text: string | undefined): boolean {
  return text !== undefined && ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text);
}

async function unsupportedSource(): Promise<never> {
  throw new TsbuildError('DOCKERFILE_UNSUPPORTED', 'remote sources are not supported yet');
}

/** A secret's file that is not there is told now, also when the step that wants it is cached this time. */
function checkSecrets(secrets: ReadonlyMap<string, SecretSource>): void {
  for (const [id, source] of secrets) {
    if (source.kind !== 'file') continue;
    try {
      accessSync(source.path, constants.R_OK);
    } catch (error) {
      const message = `secret ${id} cannot be read: ${source.path}`;
      throw new TsbuildError('SECRET_INVALID', message, { cause: error });
    }
  }
}

/** What a machine lacks, every step that needs it says; the user hears it once. */
function warnOnce(emit: EmitBuildEvent): EmitBuildEvent {
  const told = new Set<string>();
  return (event) => {
    if (event.type === 'warning') {
      const text = JSON.stringify([event.message, event.file, event.range]);
      if (told.has(text)) return;
      told.add(text);
    }
    emit(event);
  };
}

/** /etc/resolv.conf and /etc/hosts of RUN steps, as files of the host for as long as the build runs. */
async function stepFiles(
  store: Store,
): Promise<{ readonly resolvConf: string; readonly hosts: string } & AsyncDisposable> {
  const folder = await store.tempDir();
  const files = { resolvConf: join(folder.path, 'resolv.conf'), hosts: join(folder.path, 'hosts') };
  writeFileSync(files.resolvConf, resolvConf({ hostText: hostResolvConf(), network: 'host' }));
  writeFileSync(files.hosts, buildHosts());
  // Every user of a step reads them, whatever the umask here.
  for (const file of Object.values(files)) chmodSync(file, 0o644);
  return { ...files, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

function hostResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}
