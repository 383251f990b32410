import { digestOf, TsbuildError } from '../../src/core/index.ts';
import { parseDockerfile } from '../../src/dockerfile/index.ts';
import {
  parseEnvironment,
  plan,
  type BuildPlan,
  type ContextReference,
  type CopyStep,
  type Entitlement,
  type PlanOptions,
  type ResolvedBase,
  type RunStep,
  type Step,
  type StepOp,
} from '../../src/graph/index.ts';
import { formatPlatform, parsePlatform } from '../../src/oci/index.ts';
import type { ContainerDefaults, HistoryEntry, ImageConfig, Platform } from '../../src/oci/types.ts';

/** How a Dockerfile is to be planned, as a file beside it says. */
export interface PlanCase {
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly platform?: string;
  readonly buildPlatform?: string;
  readonly amongPlatforms?: boolean;
  readonly labels?: readonly (readonly [string, string])[];
  /** True, or names of stages. */
  readonly noCache?: boolean | readonly string[];
  readonly network?: PlanOptions['network'];
  readonly contexts?: Readonly<Record<string, ContextReference>>;
  readonly allow?: readonly Entitlement[];
  readonly extraHosts?: readonly string[];
  readonly given?: PlanOptions['given'];
  /** Base images by name, those of layouts by path; any other name is found too and has a plain config, but for those that begin with `missing`. */
  readonly bases?: Readonly<Record<string, BaseCase>>;
}

interface BaseCase {
  readonly config?: ContainerDefaults;
  readonly history?: readonly HistoryEntry[];
  readonly author?: string;
  readonly platform?: string;
}

export interface PlannedCase {
  readonly plan: BuildPlan;
  /** What was asked of resolveBase, in order. */
  readonly resolved: readonly string[];
}

export async function planCase(text: string, options: PlanCase = {}): Promise<PlannedCase> {
  const resolved: string[] = [];
  const planned = await plan(parseDockerfile(text, 'Dockerfile'), {
    buildArgs: new Map(Object.entries(options.buildArgs ?? {})),
    target: options.target,
    platform: parsePlatform(options.platform ?? 'linux/amd64'),
    buildPlatform: parsePlatform(options.buildPlatform ?? 'linux/amd64'),
    amongPlatforms: options.amongPlatforms,
    labels: options.labels ?? [],
    noCache: Array.isArray(options.noCache) ? new Set(options.noCache) : options.noCache === true,
    network: options.network ?? 'default',
    contexts: new Map(Object.entries(options.contexts ?? {})),
    allow: new Set(options.allow),
    extraHosts: options.extraHosts ?? [],
    given: options.given,
    resolveLayout: async ({ path, reference }, platform) => {
      resolved.push(`layout ${path} ${reference ?? ''} for ${formatPlatform(platform)}`);
      return resolvedBase(path, platform, options.bases?.[path] ?? {});
    },
    resolveBase: async (name, platform) => {
      resolved.push(`${name} for ${formatPlatform(platform)}`);
      if (name.startsWith('missing')) throw new TsbuildError('IMAGE_NOT_FOUND', `no such image: ${name}`);
      return resolvedBase(name, platform, options.bases?.[name] ?? {});
    },
  });
  return { plan: planned, resolved };
}

function resolvedBase(name: string, platform: Platform, base: BaseCase): ResolvedBase {
  const config: ImageConfig = {
    ...(base.platform === undefined ? platform : parsePlatform(base.platform)),
    ...(base.author === undefined ? {} : { author: base.author }),
    config: base.config ?? { Env: ['PATH=/bin'], Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(`${name} layer`)] },
    history: base.history ?? [{ created: '2020-01-01T00:00:00Z', created_by: `made ${name}` }],
  };
  return { name, digest: digestOf(`${name} manifest`), id: digestOf(`${name} config`), config, layers: [] };
}

/** A plan for reading: steps in order of need, each input by its number, histories a line each. */
export function planText({ plan, resolved }: PlannedCase): object {
  const numbers = new Map<string, number>();
  const steps: object[] = [];
  const visit = (step: Step): number => {
    const known = numbers.get(step.id);
    if (known !== undefined) return known;
    const inputs = step.inputs.map(visit);
    const number = steps.length;
    numbers.set(step.id, number);
    steps.push({
      name: step.name,
      identity: step.identity,
      ...(step.at === undefined ? {} : { at: `${step.at.file}:${step.at.range.startLine}` }),
      ...(step.ignoreCache ? { ignoreCache: true } : {}),
      inputs,
      op: opText(step.op),
    });
    return number;
  };
  visit(plan.target);
  return {
    resolved,
    steps,
    platform: formatPlatform(plan.platform),
    author: plan.author,
    config: plan.config,
    history: plan.history.map(historyText),
    warnings: plan.warnings,
  };
}

function opText(op: StepOp): object {
  switch (op.kind) {
    case 'image':
      return { kind: op.kind, base: op.base.name, platform: formatPlatform(op.platform) };
    case 'run': {
      const { env, platform, ...rest } = op;
      const shown = { env: Object.fromEntries(parseEnvironment(env)), platform: formatPlatform(platform) };
      return { ...withoutDefaults(rest, runDefaults), ...shown };
    }
    case 'copy':
      return withoutDefaults(op, copyDefaults);
    case 'scratch':
    case 'workdir':
    case 'local':
    case 'git':
    case 'http':
    case 'merge':
      return op;
  }
}

/** Left out of a plan's text, where they say nothing. */
const runDefaults: Partial<RunStep> = {
  security: 'sandbox',
  devices: [],
  hostname: 'buildkitsandbox',
  extraHosts: [],
};

const copyDefaults: Partial<CopyStep> = { parents: false, files: [], exclude: [] };

function withoutDefaults(op: object, defaults: object): object {
  const known = new Map(Object.entries(defaults).map(([name, value]) => [name, JSON.stringify(value)]));
  return Object.fromEntries(
    Object.entries(op).filter(([name, value]) => JSON.stringify(value) !== known.get(name)),
  );
}

function historyText({ created, created_by, empty_layer, comment, author }: HistoryEntry): string {
  const notes = [
    ...(empty_layer === true ? ['empty'] : []),
    ...(created === undefined ? [] : [created]),
    ...(author === undefined ? [] : [author]),
    ...(comment === undefined ? ['no comment'] : comment === 'buildkit.dockerfile.v0' ? [] : [comment]),
  ];
  return `${created_by ?? ''}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}
