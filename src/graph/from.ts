import { TsbuildError } from '../core/index.ts';
import type { FromInstruction, StageSyntax } from '../dockerfile/types.ts';
import { parsePlatform } from '../oci/index.ts';
import type { ContainerDefaults, Platform } from '../oci/types.ts';
import { resolveContext } from './bases.ts';
import { describeContext, findContext, ruledContext } from './contexts.ts';
import { blame, excerptOf } from './place.ts';
import { scratchStep, treeOf } from './source-steps.ts';
import {
  stateOfBase,
  stateOfScratch,
  stateOfStage,
  withHistory,
  type StageContext,
  type StageState,
} from './stage.ts';
import { stageIndex } from './stage-names.ts';
import { countSteps, nextStep } from './steps.ts';
import type { Surroundings } from './sources.ts';
import { triggersOf } from './triggers.ts';
import type { ContextReference, ResolvedBase } from './types.ts';
import { expandIn } from './words.ts';

/** What a stage stands on: an earlier stage, then `scratch`, then a named context, then an image (L-102). */
export async function beginStage(
  context: StageContext,
  around: Surroundings,
  syntax: StageSyntax,
): Promise<StageState> {
  const { from } = syntax;
  const image = expandIn(context, context.globals, from.image);
  if (image === '') {
    throw new TsbuildError('DOCKERFILE_INVALID', `base name (${from.image}) should not be blank`, {
      hint: 'an ARG used in FROM must be declared, with a default, before the first FROM',
      fault: from.image,
    });
  }
  const platform = platformOf(context, from);
  const stage = stageIndex(context.dockerfile, image, syntax.index);
  if (stage !== undefined) {
    const parent = await around.stage(stage);
    context.counter.platform = parent.platform;
    countBase(context, { from, onBuild: parent.config.OnBuild, steps: 0 });
    return stateOfStage(parent);
  }
  // Nothing has no platform of its own: what is put into it is for the target's.
  if (image.toLowerCase() === 'scratch') return stateOfScratch(scratchStep(), context.options.platform);
  const reference = findContext(around.contexts, image, platform);
  if (reference !== undefined) return beginOnContext(context, reference, { from, name: image, whole: false });
  const base = await context.options
    .resolveBase(image, platform)
    .catch((error: unknown) => blame(error, from.image));
  return beginOnImage(context, base, {
    from,
    text: `FROM ${base.name}`,
    onBuild: base.config.config?.OnBuild,
  });
}

/**
 * A stage on a named context: an image with its config, or mere files. When the context is the `whole` stage, in whose
 * place it stands, triggers of the image are left to stages that stand on this one.
 */
export async function beginOnContext(
  context: StageContext,
  named: ContextReference,
  { from, name, whole }: { readonly from: FromInstruction; readonly name: string; readonly whole: boolean },
): Promise<StageState> {
  const platform = platformOf(context, from);
  const reference = ruledContext(named, context.options);
  const text = `FROM ${name} (${describeContext(reference)})`;
  if (reference.kind === 'image' || reference.kind === 'layout') {
    const base = await resolveContext(reference, context.options, platform);
    if (base === undefined) return stateOfScratch(scratchStep(), context.options.platform);
    const onBuild = whole ? undefined : base.config.config?.OnBuild;
    return beginOnImage(context, base, { from, text, onBuild });
  }
  context.counter.platform = platform;
  countBase(context, { from, onBuild: undefined, steps: 1 });
  const tree = treeOf(reference, excerptOf(context.dockerfile, from.range));
  const step = nextStep({ ...context, ignoreCache: false }, { ...tree, text, at: from.range });
  // The files are a layer, which needs its entry.
  return withHistory(stateOfScratch(step, platform), `FROM ${name} # buildkit`, 'layer');
}

function beginOnImage(
  context: StageContext,
  base: ResolvedBase,
  {
    from,
    text,
    onBuild,
  }: {
    readonly from: FromInstruction;
    readonly text: string;
    readonly onBuild: ContainerDefaults['OnBuild'];
  },
): StageState {
  const platform = platformOf(context, from);
  context.counter.platform = platform;
  countBase(context, { from, onBuild, steps: 1 });
  const step = nextStep(context, { op: { kind: 'image', base, platform }, inputs: [], text, at: from.range });
  return stateOfBase(base, step, platform);
}

/** The base and its triggers are steps of the stage, too. */
function countBase(
  context: StageContext,
  base: {
    readonly from: FromInstruction;
    readonly onBuild: ContainerDefaults['OnBuild'];
    readonly steps: number;
  },
): void {
  const triggers = triggersOf(base.onBuild, base.from);
  context.counter.total += base.steps + countSteps(triggers.map(({ instruction }) => instruction));
}

/** Throws for one that is none. */
export function platformOf(
  context: Pick<StageContext, 'dockerfile' | 'globals' | 'options'>,
  { platform: written }: FromInstruction,
): Platform {
  if (written === undefined) return context.options.platform;
  const text = expandIn(context, context.globals, written);
  if (text !== '') {
    try {
      return parsePlatform(text);
    } catch (error) {
      blame(error, written);
    }
  }
  throw new TsbuildError('DOCKERFILE_INVALID', `empty platform value from expression ${written}`, {
    hint: 'an ARG used in FROM must be declared, with a default, before the first FROM',
    fault: written,
  });
}
