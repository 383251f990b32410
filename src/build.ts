import { collectSteps, type Digest, type StepReport } from './core/index.ts';
import { finishImage, keepLastBuild, type State } from './ops/index.ts';
import { tagImage, type Image } from './image/index.ts';
import { parseReference } from './oci/index.ts';
import { openPlannedBuild, type PlanningOptions, type RunningOptions } from './planned-build.ts';
import { solve } from './solver/index.ts';

export interface BuildOptions extends PlanningOptions, RunningOptions {
  /** Names for the image. */
  readonly tags?: readonly string[] | undefined;
}

export interface BuildResult {
  readonly image: Image;
  /** Full names given. */
  readonly names: readonly string[];
  /** In the order in which they ended. */
  readonly steps: readonly StepReport[];
}

/** Builds an image from a Dockerfile and a folder. Throws TsbuildError; what was built up to there stays cached. */
export async function build(options: BuildOptions): Promise<BuildResult> {
  // Wrong names are told before anything runs.
  const tags = options.tags ?? [];
  for (const tag of tags) parseReference(tag);
  await using planned = await openPlannedBuild(options, { bases: 'pull' });
  const { store, plan, cache, signal } = planned;
  const { emit, steps } = collectSteps(planned.emit);
  const started = new Date();
  const keep = (image: Digest | undefined): Promise<void> => {
    const milliseconds = Date.now() - started.getTime();
    return keepLastBuild(store, {
      ...planned.scope,
      started: started.toISOString(),
      milliseconds,
      image,
      steps,
    });
  };
  let state: State;
  try {
    state = await solve(planned.target, { cache, jobs: planned.jobs, signal, emit });
  } catch (error) {
    // What failed is told, whatever becomes of the report (a full disk).
    await keep(undefined).catch(() => undefined);
    throw error;
  }
  // The kernel takes its time to end networks: it does so beside what is left to do.
  const closed = planned.networks.close();
  const epoch = sourceDateEpoch(options);
  const image = await finishImage(store, { plan, state: await state.settled }, { epoch });
  await keep(image.id);
  // One flush for everything the build wrote, before it says that it is done (design decision 10).
  await store.settle();
  const names: string[] = [];
  for (const tag of tags) names.push(await tagImage(store, image.id, tag));
  await closed;
  return { image, names, steps };
}

/** Build arg before environment (O-50). */
function sourceDateEpoch(options: BuildOptions): number | undefined {
  const text = options.buildArgs?.get('SOURCE_DATE_EPOCH') ?? process.env['SOURCE_DATE_EPOCH'];
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
