import { accessSync, chmodSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { TsbuildError, type EmitBuildEvent } from './core/index.ts';
import {
  baseResolver,
  buildChecks,
  finishImage,
  loadContext,
  loadDockerfile,
  StoreCache,
  verticesOf,
  type BuildServices,
  type RunLimits,
  type SecretSource,
} from './ops/index.ts';
import { mainContext, plan, type RunNetwork } from './graph/index.ts';
import { tagImage, type Image } from './image/index.ts';
import { hostPlatform, parseReference, type Platform } from './oci/index.ts';
import { buildHosts, createRuntime, resolvConf } from './runtime/index.ts';
import { overlaySnapshotter } from './snapshot/index.ts';
import { solve } from './solver/index.ts';
import { openStore, type Store } from './store/index.ts';

export interface BuildOptions {
  /** Folder of the store. */
  readonly root: string;
  /** The build context: a folder. */
  readonly context: string;
  /** Dockerfile; `-` is standard input; default `Dockerfile` in the context. */
  readonly file?: string | undefined;
  /** Names for the image. */
  readonly tags?: readonly string[] | undefined;
  readonly buildArgs?: ReadonlyMap<string, string> | undefined;
  readonly target?: string | undefined;
  readonly platform?: Platform | undefined;
  readonly noCache?: boolean | undefined;
  readonly pull?: boolean | undefined;
  readonly labels?: readonly (readonly [string, string])[] | undefined;
  readonly network?: RunNetwork | undefined;
  readonly secrets?: ReadonlyMap<string, SecretSource> | undefined;
  readonly limits?: RunLimits | undefined;
  /** Steps that execute at once; default the number of processors. */
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly emit?: EmitBuildEvent | undefined;
}

export interface BuildResult {
  readonly image: Image;
  /** Full names given. */
  readonly names: readonly string[];
}

/** Builds an image from a Dockerfile and a folder. Throws TsbuildError; what was built up to there stays cached. */
export async function build(options: BuildOptions): Promise<BuildResult> {
  const emit = warnOnce(options.emit ?? (() => undefined));
  const signal = options.signal ?? new AbortController().signal;
  // Wrong names are told before anything runs.
  const tags = options.tags ?? [];
  for (const tag of tags) parseReference(tag);
  checkSecrets(options.secrets ?? new Map());
  const dockerfile = loadDockerfile(options);
  using context = loadContext(options);
  const checks = buildChecks(dockerfile, { ...options, context }, emit);

  await using store = await openStore(options.root);
  // Before the first look into the store: what is found from here on stays until the build ends (design decision 9).
  await using lease = await store.lease();
  const planning = plan(dockerfile, {
    buildArgs: options.buildArgs ?? new Map(),
    target: options.target,
    platform: options.platform ?? hostPlatform(),
    buildPlatform: hostPlatform(),
    labels: options.labels ?? [],
    noCache: options.noCache ?? false,
    network: options.network ?? 'default',
    contexts: new Map(),
    allow: new Set(),
    extraHosts: [],
    resolveLayout: () => {
      throw new TsbuildError('DOCKERFILE_UNSUPPORTED', 'bases of OCI layouts are not supported yet');
    },
    resolveBase: checks.watch(baseResolver({ store, pull: options.pull ?? false, signal, emit })),
  });
  const planned = await checks.around(planning);
  for (const message of planned.warnings) emit({ type: 'warning', message });

  await using files = await stepFiles(store);
  const snapshotter = overlaySnapshotter(store.snapshots);
  const services: BuildServices = {
    store,
    lease,
    snapshotter,
    runtime: createRuntime({ stubs: join(store.root, 'runtime') }),
    contexts: new Map([[mainContext, context]]),
    sources: noSources,
    interrupted: signal,
    secrets: options.secrets ?? new Map(),
    ssh: new Map(),
    limits: options.limits ?? { resources: {}, rlimits: [] },
    files,
  };
  const state = await solve(verticesOf(planned.target, services), {
    cache: new StoreCache(services),
    jobs: options.jobs ?? availableParallelism(),
    signal,
    emit,
  });
  const epoch = sourceDateEpoch(options);
  const image = await finishImage(store, { plan: planned, state: await state.settled }, { epoch });
  // One flush for everything the build wrote, before it says that it is done (design decision 10).
  await store.settle();
  const names: string[] = [];
  for (const tag of tags) names.push(await tagImage(store, image.id, tag));
  return { image, names };
}

const noSources: BuildServices['sources'] = {
  git: { resolve: unsupportedSource, checkout: unsupportedSource },
  http: { fetch: unsupportedSource },
};

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

/** Build arg before environment (O-50). */
function sourceDateEpoch(options: BuildOptions): number | undefined {
  const text = options.buildArgs?.get('SOURCE_DATE_EPOCH') ?? process.env['SOURCE_DATE_EPOCH'];
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
