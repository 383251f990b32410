import type { AttestationRequests, Attester } from './attest/index.ts';
import {
  canonicalJson,
  collectSteps,
  type Digest,
  type EmitBuildEvent,
  type Json,
  type StepReport,
} from './core/index.ts';
import {
  countBaseLayers,
  finishImage,
  keepHistory,
  keepLastBuild,
  requireEmulators,
  type SettledState,
  type State,
} from './ops/index.ts';
import type { Image } from './image/index.ts';
import {
  annotationsOf,
  checkOutputs,
  type CheckOptions,
  commonShape,
  requireTime,
  shapeOf,
  writeImageIndex,
  writeOutput,
  type BuiltImage,
  type BuiltImages,
  type ImageShape,
  type OutputSpec,
  type OutputWork,
  type WrittenOutput,
} from './output/index.ts';
import { isIndexed, type PlanningOptions, type RunningOptions } from './build-options.ts';
import { buildPlace, openPlannedBuild, type PlannedBuild } from './planned-build.ts';
import { formatPlatform } from './oci/index.ts';
import { solveAll } from './solver/index.ts';
import { writeTo } from './sys/index.ts';

export interface BuildOptions extends PlanningOptions, RunningOptions {
  /** Names for the image. */
  readonly tags?: readonly string[] | undefined;
  /** Where the image goes; into the store unless told. */
  readonly outputs?: readonly OutputSpec[] | undefined;
  /** For all outputs. */
  readonly shape?: ImageShape | undefined;
  /** What is said of the images, beside them; nothing unless told. */
  readonly attestations?: AttestationRequests | undefined;
  /** Takes what goes to standard output; this process's own unless told. */
  readonly stdout?: OutputWork['stdout'] | undefined;
  readonly onPush?: OutputWork['onPush'];
}

export interface BuildResult {
  /** That of the first output, and of the first platform. */
  readonly image: Image;
  /** What the first output was written from. */
  readonly built: BuiltImages;
  /** Full names given. */
  readonly names: readonly string[];
  /** In the order in which they ended. */
  readonly steps: readonly StepReport[];
  /** In the order asked for. */
  readonly outputs: readonly WrittenOutput[];
}

const intoStore: OutputSpec = {
  kind: 'image',
  names: [],
  form: { compression: 'gzip', force: false, mediaTypes: 'oci' },
  shape: {},
  store: true,
  push: false,
  byDigest: false,
  insecure: false,
};

/** Builds an image from a Dockerfile and a folder. Throws TsbuildError; what was built up to there stays cached. */
export async function build(options: BuildOptions): Promise<BuildResult> {
  const tags = options.tags ?? [];
  const outputs = options.outputs ?? [intoStore];
  const { signal: asked = new AbortController().signal } = options;
  await checkOutputs(outputs, {
    names: tags,
    shape: options.shape ?? {},
    indexed: isIndexed(options),
    precious: preciousFolders(options),
    signal: asked,
  });
  await using planned = await openPlannedBuild(options, {
    bases: 'pull',
    scanner: options.attestations?.sbom?.generator,
  });
  const { store } = planned;
  const common = commonShape(options.shape ?? {}, epochOf(options, planned));
  const shaped = outputs.map((spec) => ({ ...spec, shape: shapeOf(spec, common) }));
  for (const { shape } of shaped) requireTime(shape);
  const started = new Date();
  using history = keepHistory(store.root, { started, emit: planned.emit });
  const { emit, steps } = collectSteps(history.emit);
  let made: Digest | undefined;
  const remember = async (image?: Digest): Promise<void> => {
    made = image;
    const milliseconds = Date.now() - started.getTime();
    const times = { started: started.toISOString(), milliseconds };
    await keepLastBuild(store, { ...planned.scope, ...times, image, steps });
  };
  const about = { ...planned.scope, ...describe(options, planned) };
  try {
    const done = await carryOut(options, planned, { shaped, common, started, emit, remember });
    history.end(about, { image: made, steps });
    // One flush for everything the build wrote; it says that it is done without waiting for it (design decision 10).
    await store.settleAside();
    return { ...done, steps };
  } catch (error) {
    history.end(about, { image: made, error, steps });
    // What failed is told, whatever becomes of the report (a full disk).
    if (made === undefined) await remember().catch(() => undefined);
    throw error;
  }
}

interface Work {
  readonly shaped: readonly (OutputSpec & { readonly shape: ImageShape })[];
  readonly common: ImageShape;
  readonly started: Date;
  readonly emit: EmitBuildEvent;
  /** Told of the image when it is made, before it goes anywhere. */
  readonly remember: (image: Digest) => Promise<void>;
}

async function carryOut(
  options: BuildOptions,
  planned: PlannedBuild,
  { shaped, common, started, emit, remember }: Work,
): Promise<Omit<BuildResult, 'steps'>> {
  const { store, caches, signal, snapshotter } = planned;
  const states = await runSteps(planned, emit);
  // The kernel takes its time to end networks: it does so beside what is left to do.
  const closed = planned.networks.close();
  const settling = states.map((state) => state.settled);
  // Packing goes on in what one that failed would close.
  await Promise.allSettled(settling);
  const settled = await Promise.all(settling);
  const attest = await attesterOf(options, planned, { started, shape: common });
  const finish = finisher(planned, settled, attest);
  const built = await finish(shaped[0]?.shape ?? common);
  const { image } = firstOf(built);
  await remember(image.id);
  const stdout = options.stdout ?? ((chunk) => writeTo(process.stdout, chunk));
  const names = options.tags ?? [];
  const work: OutputWork = { store, snapshotter, names, signal, emit, stdout, onPush: options.onPush };
  const outputs: WrittenOutput[] = [];
  for (const spec of shaped) outputs.push(await writeOutput(spec, await finish(spec.shape), work));
  await caches?.export(states.slice(0, planned.images.length));
  await closed;
  return { image, built, names: [...new Set(outputs.flatMap((output) => output.names))], outputs };
}

/** The results of all targets, and then those of the scanners. */
async function runSteps(
  { store, images, caches, cache: own, jobs, signal }: PlannedBuild,
  emit: EmitBuildEvent,
): Promise<readonly State[]> {
  const cache = caches?.cache ?? own;
  const targets = images.map(({ target }) => target);
  await requireEmulators(
    images.map(({ plan, target }) => ({ step: plan.target, vertex: target })),
    { store, cache, signal },
  );
  const scans = images.flatMap(({ scan }) => scan ?? []);
  const states = await solveAll([...targets, ...scans], { cache, jobs, signal, emit });
  await caches?.verify(targets, jobs);
  return states;
}

function describe(
  { target, tags = [] }: BuildOptions,
  { images }: PlannedBuild,
): {
  readonly target: string | undefined;
  readonly platforms: readonly string[];
  readonly tags: readonly string[];
} {
  return { target, platforms: images.map(({ platform }) => formatPlatform(platform)), tags };
}

/** Writes the images of a build's states in the shapes asked for, each once. */
function finisher(
  planned: PlannedBuild,
  states: readonly SettledState[],
  attest: Attester,
): (shape: ImageShape) => Promise<BuiltImages> {
  const finished = new Map<string, Promise<BuiltImages>>();
  const finish = async (shape: ImageShape): Promise<BuiltImages> => {
    const images: BuiltImage[] = [];
    for (const index of planned.images.keys()) {
      const [state, scan] = [states[index], states[planned.images.length + index]];
      if (state === undefined) throw new Error('a target without a result');
      images.push(await finishOne(planned, index, { state, scan: scan?.snapshot, shape, attest }));
    }
    return {
      images,
      index: planned.indexed ? await writeImageIndex(planned.store, images, shape) : undefined,
    };
  };
  return (shape) => {
    const key = canonicalJson(shape as unknown as Json);
    const known = finished.get(key) ?? finish(shape);
    finished.set(key, known);
    return known;
  };
}

async function finishOne(
  { store, snapshotter, lease, signal, images, caches }: PlannedBuild,
  index: number,
  work: {
    readonly state: SettledState;
    readonly scan: SettledState['snapshot'];
    readonly shape: ImageShape;
    readonly attest: Attester;
  },
): Promise<BuiltImage> {
  const { state, scan, shape, attest } = work;
  const planned = images[index];
  if (planned === undefined) throw new Error('a result that was not planned');
  const { platform, plan } = planned;
  const annotations = annotationsOf(shape.annotations, 'manifest', platform);
  const extra = await caches?.inline(state);
  const image = await finishImage(
    { store, snapshotter, lease },
    { plan, state, signal },
    { ...shape, annotations, extra },
  );
  const baseLayers = countBaseLayers(state);
  const { snapshot } = state;
  const attestations = await attest({ plan, image, snapshot, scan });
  return { platform, image, snapshot, baseLayers, attestations };
}

/** Loaded only for those who ask. */
async function attesterOf(
  options: BuildOptions,
  planned: PlannedBuild,
  { started, shape }: { readonly started: Date; readonly shape: ImageShape },
): Promise<Attester> {
  const { attestations } = options;
  if (attestations?.provenance === undefined && attestations?.sbom === undefined) return async () => [];
  const { createAttester } = await import('./attest/index.ts');
  const { dockerfile, snapshotter, store, emit } = planned;
  return createAttester(attestations, {
    ...{ parameters: options, dockerfile, snapshotter, started },
    fetched: planned.fetched(),
    epoch: shape.epoch ?? (shape.rewrite === undefined ? undefined : 0),
    name: options.tags?.[0] ?? 'image',
    warn: (message) => emit({ type: 'warning', message }),
    memory: {
      get: async (key) => store.records.get('distribution', key),
      put: async (key, value) => store.records.put('distribution', key, value),
    },
  });
}

function firstOf({ images }: BuiltImages): BuiltImages['images'][number] {
  const [first] = images;
  if (first === undefined) throw new Error('a build without an image');
  return first;
}

/** What an output that empties its folder must leave alone. */
function preciousFolders({ context, namedContexts = [], root }: BuildOptions): CheckOptions['precious'] {
  const place = buildPlace(context);
  const named = namedContexts.flatMap(({ name, source }) =>
    source.kind === 'folder' ? [[source.path, `the build context ${name}`] as const] : [],
  );
  const own = place.startsWith('/') ? [[place, 'the build context'] as const] : [];
  return [...own, ...named, [root, 'the store']];
}

/** A folder has no time that would be everywhere the same: `context` means nothing then, as with BuildKit (O-51). */
function epochOf({ context }: BuildOptions, { epoch }: PlannedBuild): string | undefined {
  return epoch === 'context' && buildPlace(context).startsWith('/') ? undefined : epoch;
}
