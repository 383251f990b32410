import type { Dockerfile, StageSyntax, Trigger } from '../dockerfile/types.ts';
import type { Platform } from '../oci/types.ts';
import { resolveOnce } from './bases.ts';
import { sandboxHostname } from './builder-args.ts';
import { contextWarnings, findContext, indexContexts, type ContextIndex } from './contexts.ts';
import type { Environment } from './environment.ts';
import { beginOnContext, beginStage, platformOf } from './from.ts';
import { globalArgs, unconsumedArgs } from './global-args.ts';
import { applyInstruction } from './instructions/index.ts';
import { located, locatedAsync } from './place.ts';
import { findSource, type Surroundings } from './sources.ts';
import { scannedTrees } from './scan.ts';
import { withConfig, type StageContext, type StageState } from './stage.ts';
import { ignoresCache, noCacheWarnings, targetIndex } from './stage-names.ts';
import { countSteps } from './steps.ts';
import { triggersOf } from './triggers.ts';
import type { BuildPlan, ContextReference, PlanOptions } from './types.ts';

/** Turns a Dockerfile into the graph of the target's steps; stages that the target does not need are never looked at. */
export async function plan(dockerfile: Dockerfile, options: PlanOptions): Promise<BuildPlan> {
  sandboxHostname(options.buildArgs); // a malformed one is the command line's fault, not that of some RUN
  return new Planner(dockerfile, options).plan();
}

/** The same for each of the platforms, side by side; what fails is told when none is under way any more. */
export async function planAll(
  dockerfile: Dockerfile,
  platforms: readonly Platform[],
  options: Omit<PlanOptions, 'platform'>,
): Promise<readonly BuildPlan[]> {
  const planning = platforms.map((platform) => plan(dockerfile, { ...options, platform }));
  await Promise.allSettled(planning);
  return Promise.all(planning);
}

class Planner implements Surroundings {
  readonly dockerfile: Dockerfile;
  readonly options: PlanOptions;
  readonly contexts: ContextIndex;
  readonly #globals: Environment;
  readonly #consumed = new Set<string>();
  readonly #stages = new Map<number, Promise<StageState>>();

  constructor(dockerfile: Dockerfile, options: PlanOptions) {
    this.dockerfile = dockerfile;
    this.options = resolveOnce(options);
    this.contexts = indexContexts(options.contexts);
    this.#globals = globalArgs(dockerfile, options, this.#consumed);
  }

  async plan(): Promise<BuildPlan> {
    const { dockerfile, options } = this;
    const target = targetIndex(dockerfile, options.target);
    const state = await this.stage(target);
    const labels = { ...state.config.Labels, ...Object.fromEntries(options.labels) };
    const final = options.labels.length === 0 ? state : withConfig(state, { Labels: labels });
    return {
      target: final.step,
      platform: final.platform,
      author: final.author,
      config: final.config,
      history: final.history,
      sourceDateEpoch: this.#globals.get('SOURCE_DATE_EPOCH'),
      scanned: await this.#scanned(target),
      warnings: [
        ...unconsumedArgs(dockerfile, options, this.#consumed),
        ...noCacheWarnings(dockerfile, options.noCache),
        ...contextWarnings(options.contexts),
      ],
    };
  }

  /** Of the stages that the target needs. */
  async #scanned(target: number): Promise<BuildPlan['scanned']> {
    const planned = [...this.#stages].sort(([a], [b]) => a - b);
    return scannedTrees(
      await Promise.all(
        planned.map(async ([index, stage]) => ({
          name: this.dockerfile.stages[index]?.name ?? `stage-${index}`,
          state: await stage,
          isTarget: index === target,
        })),
      ),
    );
  }

  stage(index: number): Promise<StageState> {
    const existing = this.#stages.get(index);
    if (existing !== undefined) return existing;
    const syntax = this.dockerfile.stages[index];
    if (syntax === undefined) throw new Error(`no stage ${index}`);
    const planned = this.#planStage(syntax);
    this.#stages.set(index, planned);
    return planned;
  }

  contextOfStage({ name, from }: StageSyntax): ContextReference | undefined {
    if (name === undefined || this.contexts.size === 0) return undefined;
    const { dockerfile, options } = this;
    const platform = located(dockerfile, from.range, () =>
      platformOf({ dockerfile, options, globals: this.#globals }, from),
    );
    return findContext(this.contexts, name, platform);
  }

  async #planStage(syntax: StageSyntax): Promise<StageState> {
    const replaced = this.contextOfStage(syntax);
    const instructions = replaced === undefined ? syntax.instructions : [];
    const context: StageContext = {
      dockerfile: this.dockerfile,
      options: this.options,
      label: this.#label(syntax),
      onbuild: false,
      counter: { next: 1, total: countSteps(instructions), platform: this.options.platform },
      ignoreCache: ignoresCache(this.options.noCache, syntax.name),
      globals: this.#globals,
      consumed: this.#consumed,
      source: (from, request) => findSource(this, from, request, syntax.index),
    };
    const { from, name } = syntax;
    const state = await locatedAsync(this.dockerfile, from.range, () =>
      replaced !== undefined && name !== undefined
        ? beginOnContext(context, replaced, { from, name, whole: true })
        : beginStage(context, this, syntax),
    );
    if (replaced !== undefined) return state;
    let next = await this.#fire(context, state, triggersOf(state.config.OnBuild, from));
    for (const instruction of instructions) next = await applyInstruction(context, next, instruction);
    return next;
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
    if (this.dockerfile.stages.length === 1) return '';
    return syntax.name ?? `stage-${syntax.index}`;
  }
}
