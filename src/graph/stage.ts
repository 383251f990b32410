import { posix } from 'node:path';

import type { SourceExcerpt } from '../core/index.ts';
import type { Dockerfile, StageInstruction } from '../dockerfile/types.ts';
import type { ContainerDefaults, HistoryEntry, Platform } from '../oci/types.ts';
import { defaultPath, formatEnvironment, parseEnvironment, type Environment } from './environment.ts';
import { excerptOf } from './place.ts';
import type { PlanOptions, ResolvedBase, Step } from './types.ts';

/** A stage as far as it is planned: an immutable value that each instruction maps to the next. */
export interface StageState {
  readonly step: Step;
  readonly platform: Platform;
  readonly author?: string | undefined;
  readonly config: ContainerDefaults;
  readonly history: readonly HistoryEntry[];
  /** What words of the next instruction see: the config's Env and the ARGs, the latest assignment winning (L-067, L-068). */
  readonly environment: Environment;
  /** ARGs declared so far, in that order; empty where there is no value (L-084). */
  readonly args: Environment;
  /** CMD was set in this stage, so that ENTRYPOINT leaves it alone (L-191). */
  readonly cmdSet: boolean;
}

/** What planning one instruction may ask of its surroundings. */
export interface StageContext {
  readonly dockerfile: Dockerfile;
  readonly options: PlanOptions;
  /** For names of steps: `build`, `stage-1`, or nothing in a file of one stage. */
  readonly label: string;
  /** True for triggers of the base. */
  readonly onbuild: boolean;
  /** Counts the steps of the stage as progress shows them (O-92), and says which platform they are for. */
  readonly counter: { next: number; total: number; platform: Platform };
  /** Whether the cache is not asked for the stage's steps. */
  readonly ignoreCache: boolean;
  /** ARGs before the first FROM, with their values. */
  readonly globals: Environment;
  /** Build args that some ARG took. */
  readonly consumed: Set<string>;
  /** Another stage, image, or context as a source of files. */
  source(from: string, request: SourceRequest): Promise<FileSource>;
}

/** Where files are taken from: a folder that the build opened, or the result of a step. */
export type FileSource =
  { readonly kind: 'context'; readonly name: string } | { readonly kind: 'step'; readonly step: Step };

/** Who asks for a source of files, for errors. */
export interface SourceRequest {
  readonly kind: StageInstruction['kind'];
  readonly at: SourceExcerpt;
}

export function requestOf({ dockerfile }: StageContext, { kind, range }: StageInstruction): SourceRequest {
  return { kind, at: excerptOf(dockerfile, range) };
}

export function stateOfBase(base: ResolvedBase, step: Step, platform: Platform): StageState {
  const config = base.config.config ?? {};
  const environment = new Map(parseEnvironment(config.Env ?? []));
  if (!environment.has('PATH')) environment.set('PATH', defaultPath);
  const workingDir =
    config.WorkingDir === undefined || config.WorkingDir === '' ? undefined : config.WorkingDir;
  return {
    step,
    platform: {
      ...platform,
      os: base.config.os,
      architecture: base.config.architecture,
      variant: base.config.variant,
    },
    author: base.config.author,
    config: {
      ...config,
      Env: formatEnvironment(environment),
      ...(workingDir === undefined ? {} : { WorkingDir: posix.resolve('/', workingDir) }),
    },
    history: base.config.history ?? [],
    environment,
    args: new Map(),
    cmdSet: false,
  };
}

/** `FROM scratch`: no files, working directory `/` as BuildKit writes it (L-103). */
export function stateOfScratch(step: Step, platform: Platform): StageState {
  const environment = new Map([['PATH', defaultPath]]);
  return {
    step,
    platform,
    config: { Env: formatEnvironment(environment), WorkingDir: '/' },
    history: [],
    environment,
    args: new Map(),
    cmdSet: false,
  };
}

/** `FROM earlier-stage`: everything of it, ARG values included (L-107); what CMD did there counts as inherited here. */
export function stateOfStage(parent: StageState): StageState {
  return { ...parent, cmdSet: false };
}

export function withConfig(state: StageState, change: Partial<ContainerDefaults>): StageState {
  return { ...state, config: { ...state.config, ...change } };
}

export function withHistory(state: StageState, createdBy: string, layer: 'layer' | 'empty'): StageState {
  const entry: HistoryEntry = {
    created_by: createdBy,
    comment: 'buildkit.dockerfile.v0',
    ...(layer === 'empty' ? { empty_layer: true } : {}),
  };
  return { ...state, history: [...state.history, entry] };
}
