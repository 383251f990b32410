import { nearestName, redactUrl, TsbuildError, type SourceExcerpt } from '../core/index.ts';
import type { Dockerfile, StageSyntax } from '../dockerfile/types.ts';
import { resolveContext } from './bases.ts';
import { findContext, ruledContext, type ContextIndex } from './contexts.ts';
import { gitStep, imageStep, scratchStep, treeOf } from './source-steps.ts';
import type { FileSource, SourceRequest, StageState } from './stage.ts';
import { blame } from './place.ts';
import { stageIndex, stageNames } from './stage-names.ts';
import { makeStep } from './steps.ts';
import type { ContextReference, PlanOptions, ResolvedBase } from './types.ts';

/** What names of stages, contexts and images are looked up in. */
export interface Surroundings {
  readonly dockerfile: Dockerfile;
  readonly options: PlanOptions;
  readonly contexts: ContextIndex;
  /** A stage, planned. */
  stage(index: number): Promise<StageState>;
  /** The context that stands in the place of a whole stage (L-102). */
  contextOfStage(syntax: StageSyntax): ContextReference | undefined;
}

/** What `from` names: an earlier stage by name or number, else a named context, else an image (L-102, L-150). */
export async function findSource(
  around: Surroundings,
  from: string,
  { kind, at }: SourceRequest,
  before: number,
): Promise<FileSource> {
  const { dockerfile, options, contexts } = around;
  const index = stageIndex(dockerfile, from, before) ?? stageNumber(from);
  if (index !== undefined) {
    const stage = dockerfile.stages[index];
    if (index >= before || stage === undefined) throw noSuchNumber(kind.toUpperCase(), from, before);
    const replaced = around.contextOfStage(stage);
    if (replaced !== undefined) return sourceOfContext(replaced, options, at);
    return { kind: 'step', step: (await around.stage(index)).step };
  }
  const context = findContext(contexts, from, options.platform);
  if (context !== undefined) return sourceOfContext(context, options, at);
  const own = dockerfile.stages.find((stage) => stage.name === from.toLowerCase());
  if (own !== undefined) {
    const where = own.index === before ? 'this very stage' : 'a later stage';
    throw new TsbuildError(
      'STAGE_NOT_FOUND',
      `${kind.toUpperCase()} takes files from ${JSON.stringify(from)}, which is ${where}`,
      { hint: 'files can come from earlier stages only', fault: `from=${from}` },
    );
  }
  if (from.toLowerCase() === 'scratch') return { kind: 'step', step: scratchStep() };
  const base = await resolveSource(around, from, before);
  return { kind: 'step', step: imageStep(base, options.platform, at) };
}

function stageNumber(from: string): number | undefined {
  return /^\d+$/.test(from) ? Number(from) : undefined;
}

function noSuchNumber(instruction: string, from: string, before: number): TsbuildError {
  return new TsbuildError(
    'STAGE_NOT_FOUND',
    `${instruction} refers to stage ${from}, which is not an earlier stage`,
    {
      hint:
        before === 0
          ? 'there is no stage before this one'
          : `earlier stages have the numbers 0 to ${before - 1}`,
      fault: `from=${from}`,
    },
  );
}

/** A name without host or tag is more likely a mistyped stage than an image. */
async function resolveSource(
  { dockerfile, options }: Surroundings,
  from: string,
  before: number,
): Promise<ResolvedBase> {
  try {
    return await options.resolveBase(from, options.platform);
  } catch (error) {
    const near = nearestName(from.toLowerCase(), stageNames(dockerfile, before));
    const isRefused =
      error instanceof TsbuildError && ['POLICY_DENIED', 'LOCK_OUTDATED'].includes(error.code);
    if (near === undefined || isRefused || !(error instanceof TsbuildError)) blame(error, `from=${from}`);
    throw new TsbuildError('STAGE_NOT_FOUND', `no stage and no image is called ${JSON.stringify(from)}`, {
      hint: `did you mean the stage ${near}?`,
      fault: `from=${from}`,
      cause: error,
    });
  }
}

async function sourceOfContext(
  named: ContextReference,
  options: PlanOptions,
  at: SourceExcerpt,
): Promise<FileSource> {
  const reference = ruledContext(named, options);
  switch (reference.kind) {
    case 'local':
      return { kind: 'context', name: reference.name };
    case 'git':
      return { kind: 'step', step: gitStep(reference.source, at) };
    case 'http': {
      const name = `unpack ${redactUrl(reference.source.url)}`;
      return {
        kind: 'step',
        step: makeStep({ ...treeOf(reference, at), name, identity: name, at, ignoreCache: false }),
      };
    }
    case 'image':
    case 'layout': {
      const base = await resolveContext(reference, options, options.platform);
      return {
        kind: 'step',
        step: base === undefined ? scratchStep() : imageStep(base, options.platform, at),
      };
    }
  }
}
