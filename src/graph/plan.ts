import { nearestName, TsbuildError } from '../core/index.ts';
import type { Dockerfile, StageSyntax, Trigger } from '../dockerfile/types.ts';
import { formatPlatform, parsePlatform } from '../oci/index.ts';
import type { ContainerDefaults, Platform } from '../oci/types.ts';
import type { Environment } from './environment.ts';
import { globalArgs, unconsumedArgs } from './global-args.ts';
import { applyInstruction } from './instructions/index.ts';
import { locatedAsync } from './place.ts';
import {
  stateOfBase,
  stateOfScratch,
  stateOfStage,
  withConfig,
  type SourceRequest,
  type StageContext,
  type StageState,
} from './stage.ts';
import { countSteps, makeStep, nextStep } from './steps.ts';
import { triggersOf } from './triggers.ts';
import type { BuildPlan, PlanOptions, ResolvedBase, Step } from './types.ts';
import { expandIn } from './words.ts';

/** Turns a Dockerfile into the graph of the target's steps; stages that the target does not need are never looked at. */
export async function plan(dockerfile: Dockerfile, options: PlanOptions): Promise<BuildPlan> {
  const planner = new Planner(dockerfile, options);
  return planner.plan();
}

type CountingContext = StageContext & { readonly counter: { next: number; total: number } };

class Planner {
  readonly #dockerfile: Dockerfile;
  readonly #options: PlanOptions;
  readonly #globals: Environment;
  readonly #consumed = new Set<string>();
  readonly #stages = new Map<number, Promise<StageState>>();
  readonly #bases = new Map<string, Promise<ResolvedBase>>();

  constructor(dockerfile: Dockerfile, options: PlanOptions) {
    this.#dockerfile = dockerfile;
    this.#options = options;
    this.#globals = globalArgs(dockerfile, options, this.#consumed);
  }

  async plan(): Promise<BuildPlan> {
    const state = await this.#stage(this.#targetIndex());
    const labels = { ...state.config.Labels, ...Object.fromEntries(this.#options.labels) };
    const final = this.#options.labels.length === 0 ? state : withConfig(state, { Labels: labels });
    return {
      target: final.step,
      platform: final.platform,
      author: final.author,
      config: final.config,
      history: final.history,
      warnings: unconsumedArgs(this.#dockerfile, this.#options, this.#consumed),
    };
  }

  #targetIndex(): number {
    const { target } = this.#options;
    const { stages } = this.#dockerfile;
    if (target === undefined || target === '') return stages.length - 1;
    const index = this.#stageIndex(target, stages.length);
    if (index !== undefined) return index;
    const names = stages.flatMap((stage) => (stage.name === undefined ? [] : [stage.name]));
    const near = nearestName(target, names);
    throw new TsbuildError('STAGE_NOT_FOUND', `target stage ${JSON.stringify(target)} could not be found`, {
      hint:
        near !== undefined
          ? `did you mean ${near}?`
          : names.length > 0
            ? `the stages are: ${names.join(', ')}`
            : 'no stage has a name: write FROM … AS name',
    });
  }

  /** The last stage of that name before `limit`, without regard to case. */
  #stageIndex(name: string, limit: number): number | undefined {
    const wanted = name.toLowerCase();
    const index = this.#dockerfile.stages.findLastIndex(
      (stage) => stage.index < limit && stage.name === wanted,
    );
    return index < 0 ? undefined : index;
  }

  #stage(index: number): Promise<StageState> {
    const existing = this.#stages.get(index);
    if (existing !== undefined) return existing;
    const syntax = this.#dockerfile.stages[index];
    if (syntax === undefined) throw new Error(`no stage ${index}`);
    const planned = this.#planStage(syntax);
    this.#stages.set(index, planned);
    return planned;
  }

  async #planStage(syntax: StageSyntax): Promise<StageState> {
    const context: CountingContext = {
      dockerfile: this.#dockerfile,
      options: this.#options,
      label: this.#label(syntax),
      onbuild: false,
      counter: { next: 1, total: countSteps(syntax.instructions) },
      globals: this.#globals,
      consumed: this.#consumed,
      source: (from, request) => this.#source(from, request, syntax.index),
    };
    let state = await locatedAsync(this.#dockerfile, syntax.from.range, () => this.#begin(context, syntax));
    state = await this.#fire(context, state, triggersOf(state.config.OnBuild, syntax.from));
    for (const instruction of syntax.instructions)
      state = await applyInstruction(context, state, instruction);
    return state;
  }

  /** Triggers run as part of FROM, in order, and are gone then (L-108). */
  async #fire(context: StageContext, state: StageState, triggers: readonly Trigger[]): Promise<StageState> {
    if (triggers.length === 0) return state;
    let next = withConfig(state, { OnBuild: undefined });
    for (const trigger of triggers) {
      next = await applyInstruction(
        { ...context, dockerfile: trigger.source, onbuild: true },
        next,
        trigger.instruction,
      );
    }
    return next;
  }

  #label(syntax: StageSyntax): string {
    if (this.#dockerfile.stages.length === 1) return '';
    return syntax.name ?? `stage-${syntax.index}`;
  }

  /** Earlier stage, then `scratch`, then an image (L-102). */
  async #begin(context: CountingContext, syntax: StageSyntax): Promise<StageState> {
    const { from } = syntax;
    const countTriggers = (onBuild: ContainerDefaults['OnBuild'], more: number): void => {
      const triggers = triggersOf(onBuild, from);
      context.counter.total += more + countSteps(triggers.map(({ instruction }) => instruction));
    };
    const image = expandIn(context, this.#globals, from.image);
    if (image === '') {
      throw new TsbuildError('DOCKERFILE_INVALID', `base name (${from.image}) should not be blank`, {
        hint: 'an ARG used in FROM must be declared, with a default, before the first FROM',
      });
    }
    const stage = this.#stageIndex(image, syntax.index);
    if (stage !== undefined) {
      const parent = await this.#stage(stage);
      countTriggers(parent.config.OnBuild, 0);
      return stateOfStage(parent);
    }
    const platform = this.#platform(context, from.platform);
    // Nothing has no platform of its own: what is put into it is for the target's.
    if (image.toLowerCase() === 'scratch') return stateOfScratch(scratchStep(), this.#options.platform);
    const base = await this.#resolveBase(image, platform);
    countTriggers(base.config.config?.OnBuild, 1);
    const step = nextStep(context, {
      op: { kind: 'image', base, platform },
      inputs: [],
      text: `FROM ${base.name}`,
      at: from.range,
    });
    return stateOfBase(base, step, platform);
  }

  #platform(context: StageContext, written: string | undefined): Platform {
    if (written === undefined) return this.#options.platform;
    const text = expandIn(context, this.#globals, written);
    if (text !== '') return parsePlatform(text);
    throw new TsbuildError('DOCKERFILE_INVALID', `empty platform value from expression ${written}`, {
      hint: 'an ARG used in FROM must be declared, with a default, before the first FROM',
    });
  }

  /** What `--from` names: an earlier stage by name or number, else an image. */
  async #source(from: string, { kind, at }: SourceRequest, before: number): Promise<Step> {
    const named = this.#stageIndex(from, before);
    if (named !== undefined) return (await this.#stage(named)).step;
    if (/^\d+$/.test(from)) {
      const index = Number(from);
      if (index < before) return (await this.#stage(index)).step;
      throw new TsbuildError(
        'STAGE_NOT_FOUND',
        `${kind.toUpperCase()} refers to stage ${from}, which is not an earlier stage`,
        {
          hint:
            before === 0
              ? 'there is no stage before this one'
              : `earlier stages have the numbers 0 to ${before - 1}`,
        },
      );
    }
    const own = this.#dockerfile.stages.find((stage) => stage.name === from.toLowerCase());
    if (own !== undefined) {
      const where = own.index === before ? 'this very stage' : 'a later stage';
      throw new TsbuildError(
        'STAGE_NOT_FOUND',
        `${kind.toUpperCase()} takes files from ${JSON.stringify(from)}, which is ${where}`,
        {
          hint: 'files can come from earlier stages only',
        },
      );
    }
    if (from.toLowerCase() === 'scratch') return scratchStep();
    const base = await this.#resolveSource(from, before);
    const name = `FROM ${base.name}`;
    return makeStep({
      op: { kind: 'image', base, platform: this.#options.platform },
      inputs: [],
      name,
      identity: name,
      at,
      ignoreCache: false,
    });
  }

  /** Each name and platform once, so that all of the build sees one image. */
  #resolveBase(name: string, platform: Platform): Promise<ResolvedBase> {
    const key = `${formatPlatform(platform)} ${name}`;
    const existing = this.#bases.get(key);
    if (existing !== undefined) return existing;
    const resolving = this.#options.resolveBase(name, platform);
    this.#bases.set(key, resolving);
    return resolving;
  }

  async #resolveSource(from: string, before: number): Promise<ResolvedBase> {
    try {
      return await this.#resolveBase(from, this.#options.platform);
    } catch (error) {
      // A name without host or tag is more likely a mistyped stage than an image.
      const names = this.#dockerfile.stages.flatMap((stage) =>
        stage.name !== undefined && stage.index < before ? [stage.name] : [],
      );
      const near = nearestName(from.toLowerCase(), names);
      if (near === undefined || !(error instanceof TsbuildError)) throw error;
      throw new TsbuildError('STAGE_NOT_FOUND', `no stage and no image is called ${JSON.stringify(from)}`, {
        hint: `did you mean the stage ${near}?`,
        cause: error,
      });
    }
  }
}

function scratchStep(): Step {
  return makeStep({
    op: { kind: 'scratch' },
    inputs: [],
    name: 'FROM scratch',
    identity: 'scratch',
    ignoreCache: false,
  });
}
