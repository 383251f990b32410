import { nearestName, TsbuildError } from '../core/index.ts';
import type { Dockerfile, StageInstruction, StageSyntax, Trigger } from '../dockerfile/types.ts';
import { parsePlatform } from '../oci/index.ts';
import type { Platform } from '../oci/types.ts';
import { withVariables, type Environment } from './environment.ts';
import { proxyArgs } from './instructions/arg.ts';
import { applyInstruction } from './instructions/index.ts';
import { excerptOf, located, locatedAsync } from './place.ts';
import { platformArgs } from './platform-args.ts';
import {
  stateOfBase,
  stateOfScratch,
  stateOfStage,
  withConfig,
  type StageContext,
  type StageState,
} from './stage.ts';
import { countedKinds, makeStep, nextStep } from './steps.ts';
import { triggersOf } from './triggers.ts';
import type { BuildPlan, PlanOptions, Step } from './types.ts';
import { expandIn } from './words.ts';

/** Turns a Dockerfile into the graph of the target's steps; stages that the target does not need are never looked at. */
export async function plan(dockerfile: Dockerfile, options: PlanOptions): Promise<BuildPlan> {
  const planner = new Planner(dockerfile, options);
  return planner.plan();
}

class Planner {
  readonly #dockerfile: Dockerfile;
  readonly #options: PlanOptions;
  readonly #globals: Environment;
  readonly #consumed = new Set<string>();
  readonly #stages = new Map<number, Promise<StageState>>();

  constructor(dockerfile: Dockerfile, options: PlanOptions) {
    this.#dockerfile = dockerfile;
    this.#options = options;
    this.#globals = this.#evaluateGlobals();
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
      warnings: this.#unconsumed(),
    };
  }

  #evaluateGlobals(): Environment {
    const last = this.#dockerfile.stages.at(-1);
    let globals = platformArgs(this.#options, last?.name);
    const overridden = [...globals.keys()].filter((name) => this.#options.buildArgs.has(name));
    globals = withVariables(
      globals,
      overridden.map((name) => [name, this.#options.buildArgs.get(name) ?? ''] as const),
    );
    for (const instruction of this.#dockerfile.globalArgs) {
      for (const { name, value } of instruction.args) {
        this.#consumed.add(name);
        const scope = globals;
        const effective =
          this.#options.buildArgs.get(name) ??
          (value === undefined
            ? undefined
            : located(this.#dockerfile, instruction.range, () =>
                expandIn({ dockerfile: this.#dockerfile }, scope, value),
              ));
        if (effective !== undefined) globals = withVariables(globals, [[name, effective]]);
      }
    }
    return globals;
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
    const counted = syntax.instructions.filter((instruction) => countedKinds.has(instruction.kind)).length;
    const context: StageContext & { counter: { next: number; total: number } } = {
      dockerfile: this.#dockerfile,
      options: this.#options,
      label: this.#label(syntax),
      counter: { next: 1, total: 1 + counted },
      globals: this.#globals,
      consumed: this.#consumed,
      source: (from, at) => this.#source(from, at, syntax.index),
    };
    let state = await locatedAsync(this.#dockerfile, syntax.from.range, () => this.#begin(context, syntax));
    const triggers = triggersOf(state, syntax.from);
    context.counter.total += triggers.filter((trigger) => countedKinds.has(trigger.instruction.kind)).length;
    state = await this.#fire(context, state, triggers);
    for (const instruction of syntax.instructions)
      state = await applyInstruction(context, state, instruction);
    return state;
  }

  /** Triggers run as part of FROM, in order, and are gone then (L-108). */
  async #fire(context: StageContext, state: StageState, triggers: readonly Trigger[]): Promise<StageState> {
    if (triggers.length === 0) return state;
    let next = withConfig(state, { OnBuild: undefined });
    for (const trigger of triggers) {
      next = await applyInstruction({ ...context, dockerfile: trigger.source }, next, trigger.instruction);
    }
    return next;
  }

  #label(syntax: StageSyntax): string {
    if (syntax.name !== undefined) return syntax.name;
    return this.#dockerfile.stages.length > 1 ? `stage-${syntax.index}` : '';
  }

  /** Earlier stage, then `scratch`, then an image (L-102). */
  async #begin(context: StageContext, syntax: StageSyntax): Promise<StageState> {
    const { from } = syntax;
    const image = expandIn(context, this.#globals, from.image);
    if (image === '') {
      throw new TsbuildError('DOCKERFILE_INVALID', `base name (${from.image}) should not be blank`, {
        hint: 'an ARG used in FROM must be declared, with a default, before the first FROM',
      });
    }
    const stage = this.#stageIndex(image, syntax.index);
    if (stage !== undefined) {
      context.counter.next++;
      return stateOfStage(await this.#stage(stage));
    }
    const platform = this.#platform(context, from.platform);
    if (image.toLowerCase() === 'scratch') {
      context.counter.next++;
      return stateOfScratch(scratchStep(), platform);
    }
    const base = await this.#options.resolveBase(image, platform);
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
    return text === '' ? this.#options.platform : parsePlatform(text);
  }

  /** What `--from` names: an earlier stage by name or number, else an image. */
  async #source(from: string, at: StageInstruction, before: number): Promise<Step> {
    const named = this.#stageIndex(from, before);
    if (named !== undefined) return (await this.#stage(named)).step;
    if (/^\d+$/.test(from)) {
      const index = Number(from);
      if (index < before) return (await this.#stage(index)).step;
      throw new TsbuildError(
        'STAGE_NOT_FOUND',
        `${at.kind.toUpperCase()} refers to stage ${from}, which is not an earlier stage`,
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
        `${at.kind.toUpperCase()} takes files from ${JSON.stringify(from)}, which is ${where}`,
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
      at: excerptOf(this.#dockerfile, at.range),
      ignoreCache: false,
    });
  }

  async #resolveSource(
    from: string,
    before: number,
  ): Promise<Awaited<ReturnType<PlanOptions['resolveBase']>>> {
    try {
      return await this.#options.resolveBase(from, this.#options.platform);
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

  #unconsumed(): readonly string[] {
    const predefined = new Set([
      ...proxyArgs,
      ...platformArgs(this.#options, undefined).keys(),
      'SOURCE_DATE_EPOCH',
    ]);
    const declared = this.#dockerfile.stages.flatMap((stage) =>
      stage.instructions.flatMap((instruction) =>
        instruction.kind === 'arg' ? instruction.args.map((arg) => arg.name) : [],
      ),
    );
    return [...this.#options.buildArgs.keys()]
      .filter(
        (name) =>
          !this.#consumed.has(name) &&
          !predefined.has(name) &&
          !name.startsWith('BUILDKIT_') &&
          !declared.includes(name),
      )
      .map((name) => {
        const near = nearestName(name, declared);
        return `build arg ${name} was not consumed by any ARG${near === undefined ? '' : ` (did you mean ${near}?)`}`;
      });
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
