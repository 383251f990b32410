import { join } from 'node:path';

import { TsbuildError, type Digest, type SourceExcerpt } from './core/index.ts';
import type { Dockerfile } from './dockerfile/types.ts';
import type { Step, StepOp } from './graph/index.ts';
import type { Platform } from './oci/index.ts';
import type { PlanningOptions } from './build-options.ts';
import { openPlannedBuild } from './planned-build.ts';
import { assessAll, type Outlook } from './solver/index.ts';
import { storeExists } from './store/index.ts';
import { makeScratchFolder } from './sys/index.ts';

/** What a build would do. */
export interface BuildForecast {
  /** Id of the step whose result would be the image; of several platforms the first one's. */
  readonly target: Digest;
  readonly platform: Platform;
  /** Of each platform, in the order asked for. */
  readonly targets: readonly { readonly id: Digest; readonly platform: Platform }[];
  /** Stages in the order of the Dockerfile, behind the sources that belong to none; inputs before their consumers. */
  readonly steps: readonly StepForecast[];
}

export interface StepForecast {
  /** Names the step's definition within this build. */
  readonly id: Digest;
  /** Names it across builds and machines: the definition key of the cache. */
  readonly key: Digest;
  /** `[build 2/5] RUN make`. */
  readonly name: string;
  /** The same across edits of the text: `build/2`. */
  readonly identity: string;
  /** Undefined for images, repositories, URLs and contexts that steps take files from. */
  readonly stage: string | undefined;
  /** In a build for several platforms, that of the stage. */
  readonly platform?: string | undefined;
  readonly kind: StepOp['kind'];
  readonly inputs: readonly { readonly id: Digest; readonly role: InputRole }[];
  readonly outlook: Outlook;
  /** The instruction. */
  readonly at?: SourceExcerpt | undefined;
}

/** `from`: the files that the step stands on; `source`: it copies from there; `layer`: laid on top as a whole. */
export type InputRole = 'from' | 'source' | 'mount' | 'layer';

/**
 * Plans a build and says what would run and why. Runs nothing, fetches no layers, and leaves the store as it was; where
 * there is none, none is made. Throws what `build` throws before it runs the first step.
 */
export async function planBuild(options: PlanningOptions): Promise<BuildForecast> {
  using store = storeToRead(options.root);
  await using planned = await openPlannedBuild({ ...options, root: store.path }, { bases: 'look-up' });
  const { cache, signal, dockerfile } = planned;
  const [image] = planned.images;
  if (image === undefined) throw new TsbuildError('USAGE', 'there is no platform to plan for');
  const assessments = await assessAll(
    planned.images.map(({ target }) => target),
    { cache, signal },
  );
  // What platforms share has the name that it has for the first.
  const steps = new Map(planned.images.toReversed().flatMap(({ plan }) => [...stepsOf(plan.target)]));
  const found = assessments.map(({ vertex, key, outlook }): StepForecast => {
    const step = steps.get(vertex.id);
    if (step === undefined) throw new Error(`${vertex.name} is not a step of the plan`);
    const { id, name, identity, op, at } = step;
    const inputs = step.inputs.map((input, index) => ({ id: input.id, role: roleOf(op, index) }));
    const stage = stageOf(step, dockerfile);
    const platform = stage === undefined ? undefined : platformIn(name);
    return { id, key, name, identity, stage, platform, kind: op.kind, inputs, outlook, at };
  });
  const order = stageOrder(dockerfile);
  return {
    target: image.plan.target.id,
    platform: image.plan.platform,
    targets: planned.images.map(({ plan, platform }) => ({ id: plan.target.id, platform })),
    steps: found.toSorted((one, other) => order(one.stage) - order(other.stage)),
  };
}

/** An empty one in the place of one that is not there. */
function storeToRead(root: string): { readonly path: string } & Disposable {
  if (storeExists(root)) return { path: root, [Symbol.dispose]: () => undefined };
  const folder = makeScratchFolder();
  return { path: join(folder.path, 'store'), [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

function stepsOf(target: Step): ReadonlyMap<Digest, Step> {
  const steps = new Map([[target.id, target]]);
  for (const step of steps.values()) for (const input of step.inputs) steps.set(input.id, input);
  return steps;
}

/** `linux/arm64` of `[linux/arm64 build 2/5] RUN make`; a stage's name has no slash. */
function platformIn(name: string): string | undefined {
  return /^\[([a-z0-9]+\/[^\s\]]+) /.exec(name)?.[1];
}

/** The first half of `build/2` and `build/2/link`; in a file of one stage that half is empty. A platform may stand before it. */
function stageOf({ identity }: Step, { stages }: Dockerfile): string | undefined {
  const label = /^(?:[a-z0-9]+\/\S+ )?([a-z][a-z0-9_.-]*)?\/\d+(\/link)?$/.exec(identity);
  if (label === null) return undefined;
  return label[1] ?? stages[0]?.name ?? 'stage-0';
}

function stageOrder({ stages }: Dockerfile): (stage: string | undefined) => number {
  const names = stages.map(({ name, index }) => name ?? `stage-${index}`);
  return (stage) => (stage === undefined ? -1 : names.lastIndexOf(stage));
}

function roleOf(op: StepOp, index: number): InputRole {
  if (index === 0) return 'from';
  switch (op.kind) {
    case 'run':
      return 'mount';
    case 'merge':
      return 'layer';
    case 'copy':
    case 'scratch':
    case 'image':
    case 'workdir':
    case 'local':
    case 'git':
    case 'http':
      return 'source';
  }
}
