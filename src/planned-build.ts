import { join } from 'node:path';

import { isGoTrue, TsbuildError, warnOnce, type EmitBuildEvent } from './core/index.ts';
import {
  baseLayers,
  baseResolver,
  buildChecks,
  layoutResolver,
  checkSecrets,
  clearAfterDeaths,
  epochName,
  keyOfGiven,
  openBuildInputs,
  openSshAgents,
  openStatCaches,
  scopeOf,
  sourcesOf,
  stepNetworks,
  restoredState,
  StoreCache,
  verticesOf,
  contextEpoch,
  withContextTime,
  withEpoch,
  type BuildScope,
  type BuildServices,
  type SecretSource,
  type SshSource,
  type State,
  type StepNetworks,
} from './ops/index.ts';
import { planStages, ruledBase, ruledLayout, rulesOf } from './build-rules.ts';
import { isIndexed, type PlanningOptions, type RunningOptions } from './build-options.ts';
import type { Dockerfile } from './dockerfile/types.ts';
import type { BuildCaches, BuildCachesOptions, CacheWishes } from './remote-cache/index.ts';
import { parseDockerfile } from './dockerfile/index.ts';
import { plan, planAll, scanStep, type BuildPlan, type PlanOptions, type Step } from './graph/index.ts';
import { hostPlatform, type Platform } from './oci/index.ts';
import type { NotedSource } from './policy/index.ts';
import { chooseIsolation, createRuntime, type Isolation, type Runtime } from './runtime/index.ts';
import { openSnapshotter, type LocalSnapshotter } from './snapshot/index.ts';
import { defaultJobs, type Vertex } from './solver/index.ts';
import { watchSources } from './source/index.ts';
import type { FetchedSource, Sources } from './source/types.ts';
import { openStore, type Lease, type Store } from './store/index.ts';

export { buildPlace } from './ops/index.ts';

/** What is to become the image of one platform. */
export interface PlannedImage {
  /** As asked for; the plan's is that of its base. */
  readonly platform: Platform;
  readonly plan: BuildPlan;
  readonly target: Vertex<State>;
  /** A scanner's run on the target. */
  readonly scan: Vertex<State> | undefined;
}

/** A build about to begin: all is read and planned, nothing has run. */
export interface PlannedBuild extends AsyncDisposable {
  readonly store: Store;
  /** Of the whole build: what it names stays until the end. */
  readonly lease: Lease;
  readonly snapshotter: LocalSnapshotter;
  readonly dockerfile: Dockerfile;
  /** One for each platform, in the order asked for. */
  readonly images: readonly PlannedImage[];
  /** The images are to stand in an index. */
  readonly indexed: boolean;
  /** SOURCE_DATE_EPOCH as written: of the build args, the environment, or an ARG before the first FROM (O-50). */
  readonly epoch: string | undefined;
  readonly scope: BuildScope;
  readonly cache: StoreCache;
  /** Where caches elsewhere are to be asked, or to be given something: in the place of `cache`. */
  readonly caches: BuildCaches | undefined;
  readonly networks: Pick<StepNetworks, 'close'>;
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly emit: EmitBuildEvent;
  /** What has come from repositories and URLs so far. */
  readonly fetched: () => readonly FetchedSource[];
  readonly sources: Sources;
}

export interface OpeningOptions {
  readonly bases: 'pull' | 'look-up';
  /** Told of what every stage takes from elsewhere, also of those that the target does not need. */
  readonly onSource?: ((source: NotedSource) => void) | undefined;
  /** Image that scans what is built. */
  readonly scanner?: string | undefined;
}

/**
 * Reads the Dockerfile, opens store and contexts, and plans. With `bases: 'look-up'` base images that the store does not
 * have are asked for but not fetched: their steps can be shown and not run.
 */
export async function openPlannedBuild(
  options: PlanningOptions & RunningOptions,
  { bases, onSource, scanner }: OpeningOptions,
): Promise<PlannedBuild> {
  if (options.platforms?.length === 0) throw new TsbuildError('USAGE', 'there is no platform to build for');
  const emit = warnOnce(options.emit ?? (() => undefined));
  const signal = options.signal ?? new AbortController().signal;
  await using held = new AsyncDisposableStack();
  const secrets = options.secrets ?? new Map<string, SecretSource>();
  checkSecrets(secrets);
  const ssh = options.ssh ?? new Map<string, SshSource>();
  const fetching = { secrets, ssh: held.use(openSshAgents(ssh)) };
  // Made before it is needed only where something must be fetched: a mistyped path makes no store.
  let opening: Promise<OpenedStore> | undefined;
  const opened = (): Promise<OpenedStore> => (opening ??= openWithSources(options.root, fetching, held));
  const ruled = await rulesOf(options, onSource);
  const given = withEpoch(options.buildArgs ?? new Map());
  const inputs = held.use(
    await openBuildInputs({
      ...options,
      signal,
      named: options.namedContexts,
      parse: { syntax: given.get('BUILDKIT_SYNTAX') },
      keepGitDir: isGoTrue(given.get('BUILDKIT_CONTEXT_KEEP_GIT_DIR')),
      remote: async () => {
        const { store, sources } = await opened();
        return { tempDir: () => store.tempDir(), sources: ruled?.fetching(sources) ?? sources };
      },
    }),
  );
  const { dockerfile, context, contexts, named } = inputs;
  if (context.lasting === true) for (const name of ['dockerfile', 'context']) ruled?.rules.local(name);
  const buildArgs = withContextTime(given, inputs.time);
  const platforms = options.platforms ?? [hostPlatform()];
  const [platform = hostPlatform()] = platforms;
  const checks = buildChecks(dockerfile, { ...options, platform, context }, emit);

  const { store, sources, fetched } = await opened();
  // Before the first look into the store: what is found from here on stays until the build ends (design decision 9).
  const lease = held.use(await store.lease());
  const extraHosts = options.extraHosts ?? [];
  const isolation = bases === 'pull' ? (options.isolation ?? 'auto') : 'namespaces';
  // Chosen by trying, which a plan that fails can do without.
  let chosen: Machinery | undefined;
  const machines = (): Machinery => (chosen ??= machinery(store, isolation, emit));
  const planOptions: Omit<PlanOptions, 'platform'> = {
    buildArgs,
    target: options.target,
    amongPlatforms: isIndexed(options),
    buildPlatform: hostPlatform(),
    labels: options.labels ?? [],
    noCache: options.noCache ?? false,
    network: options.network ?? 'default',
    contexts: named,
    allow: options.allow ?? new Set(),
    extraHosts: extraHosts.map(({ name }) => name),
    given: options.given === undefined ? undefined : keyOfGiven(options.given),
    rules: ruled?.rules,
    resolveLayout: ruledLayout(layoutResolver({ store, lease, emit, bases }), ruled?.rules),
    resolveBase: checks.watch(
      ruledBase(
        baseResolver({
          store,
          // A cache elsewhere may answer what stands on a base: then nobody looks into that.
          snapshotter: (options.caches?.from ?? []).length === 0 ? () => machines().snapshotter : undefined,
          pull: options.pull ?? false,
          signal,
          emit,
          bases,
          exact: platforms.length > 1,
        }),
        ruled?.rules,
      ),
    ),
  };
  const planning = planAll(dockerfile, platforms, planOptions);
  const plans = await checks.around(planning);
  if (onSource !== undefined) await planStages(dockerfile, platforms, { ...planOptions, emit });
  for (const message of plans.flatMap(({ warnings }) => warnings)) emit({ type: 'warning', message });

  const jobs = options.jobs ?? defaultJobs();
  const { snapshotter, runtime } = machines();
  held.use(runtime);
  const hostOnly = runtime.isolation === 'chroot';
  const networks = held.use(stepNetworks({ store, extraHosts, dns: options.dns, jobs, signal, hostOnly }));
  const services: BuildServices = {
    store,
    lease,
    snapshotter,
    runtime,
    contexts,
    statCaches: held.use(openStatCaches(store, { anew: ignoresCache(options.noCache) })),
    sources,
    interrupted: signal,
    secrets,
    ssh: fetching.ssh,
    limits: options.limits ?? { resources: {}, rlimits: [] },
    given: options.given,
    networks,
  };
  if (bases === 'pull') await clearAfterDeaths({ store, snapshotter }, services.limits.cgroupParent);
  const scans = scanner === undefined ? [] : await scansOf(plans, scanner, planOptions);
  const vertices = verticesOf([...plans.map(({ target }) => target), ...scans], services);
  const images = plans.map((planned, index): PlannedImage => {
    const [wanted = planned.platform, target] = [platforms[index], vertices[index]];
    if (target === undefined) throw new Error('a plan without a vertex');
    return { platform: wanted, plan: planned, target, scan: vertices[plans.length + index] };
  });
  const scope = scopeOf(dockerfile.file, options.context);
  const cache = new StoreCache({
    ...services,
    scope: JSON.stringify([scope.file, scope.context]),
    ttl: options.cacheTtl,
    // Who only looks leaves the store as it was.
    restore: bases === 'pull' ? (state) => restoredState(state, { ...services, signal }) : undefined,
  });
  const caches = await cachesOf(options.caches, {
    ...{ store, snapshotter, lease, own: cache, platforms, signal, emit },
    bases: baseLayers(plans.map(({ target: step }) => step)),
    build: { ...scope, target: options.target },
  });
  const resources = held.move();
  return {
    store,
    lease,
    snapshotter,
    dockerfile,
    images,
    indexed: isIndexed(options),
    epoch: contextEpoch(buildArgs.get(epochName) ?? plans[0]?.sourceDateEpoch, inputs.time),
    scope,
    cache,
    caches,
    networks,
    jobs,
    signal,
    emit,
    fetched,
    sources,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The scanner runs on this machine, whatever the images are for. */
async function scansOf(
  plans: readonly BuildPlan[],
  name: string,
  options: Omit<PlanOptions, 'platform'>,
): Promise<readonly Step[]> {
  const { resolveBase, resolveLayout, buildPlatform, noCache } = options;
  const scanner = await plan(parseDockerfile(`FROM ${name}`, 'the SBOM generator'), {
    ...{ resolveBase, resolveLayout, buildPlatform, noCache, platform: buildPlatform },
    ...{ buildArgs: new Map(), labels: [], network: 'none', contexts: new Map() },
    ...{ allow: new Set(), extraHosts: [] },
  });
  return plans.map((each) => scanStep(each, { scanner, name }));
}

/** Loaded where they are asked for: most builds do without them. */
async function cachesOf(
  wishes: CacheWishes | undefined,
  services: Omit<BuildCachesOptions, keyof CacheWishes>,
): Promise<BuildCaches | undefined> {
  if (wishes === undefined) return undefined;
  const { openBuildCaches } = await import('./remote-cache/index.ts');
  return openBuildCaches({ ...wishes, ...services });
}

interface Machinery {
  readonly runtime: Runtime;
  readonly snapshotter: LocalSnapshotter;
}

/** What this machine has for trees and steps, or what stands in for it. */
function machinery(store: Store, wanted: 'auto' | Isolation, emit: EmitBuildEvent): Machinery {
  const { isolation, warning } = chooseIsolation(wanted);
  const warn = (message: string): void => emit({ type: 'warning', message });
  return {
    snapshotter: openSnapshotter(store.snapshots, { mounting: isolation === 'namespaces', warn }),
    runtime: createRuntime({ stubs: join(store.root, 'runtime'), isolation, warning }),
  };
}

interface OpenedStore {
  readonly store: Store;
  /** One for context and steps, so that a ref that moves meanwhile means one commit (S-66). */
  readonly sources: Sources;
  readonly fetched: () => readonly FetchedSource[];
}

async function openWithSources(
  root: string,
  fetching: Parameters<typeof sourcesOf>[1],
  held: AsyncDisposableStack,
): Promise<OpenedStore> {
  const store = held.use(await openStore(root));
  return { store, ...watchSources(sourcesOf(store, fetching)) };
}

/** Also where only some stages are to be made anew: what they read is read by others, too. */
function ignoresCache(noCache: PlanningOptions['noCache'] = false): boolean {
  return typeof noCache === 'boolean' ? noCache : noCache.size > 0;
}
