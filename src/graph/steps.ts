import { canonicalJson, digestOf, type Json, type SourceRange } from '../core/index.ts';
import type { StageInstruction } from '../dockerfile/types.ts';
import { formatPlatform, samePlatform } from '../oci/index.ts';
import { requireEntitlements } from './entitlements.ts';
import { excerptOf } from './place.ts';
import type { StageContext } from './stage.ts';
import type { Step, StepOp } from './types.ts';

const countedKinds: ReadonlySet<string> = new Set(['run', 'copy', 'add', 'workdir']);

/** How many of them progress counts (O-92). */
export function countSteps(instructions: readonly StageInstruction[]): number {
  return instructions.filter(({ kind }) => countedKinds.has(kind)).length;
}

interface StepRequest {
  readonly op: StepOp;
  readonly inputs: readonly Step[];
  readonly text: string;
  readonly at?: SourceRange | undefined;
}

/** The next counted step of a stage. */
export function nextStep(context: StageContext, request: StepRequest): Step {
  if (request.op.kind === 'run') requireEntitlements(request.op, context.options);
  const position = context.counter.next++;
  const total = String(context.counter.total);
  const number = String(position).padStart(total.length); // ` 9/12`, so that the columns stand
  const { amongPlatforms, platform, buildPlatform } = context.options;
  const platformLabel = amongPlatforms === true ? `${formatPlatform(context.counter.platform)} ` : '';
  const label = platformLabel + (context.label === '' ? '' : `${context.label} `);
  // Steps for this machine have the identity that they have in a build for it alone.
  const isForeign = amongPlatforms === true && !samePlatform(platform, buildPlatform);
  const stage = isForeign ? `${formatPlatform(platform)} ${context.label}` : context.label;
  return makeStep({
    op: request.op,
    inputs: request.inputs,
    at: request.at === undefined ? undefined : excerptOf(context.dockerfile, request.at),
    name: `[${label}${number}/${total}] ${context.onbuild ? 'ONBUILD ' : ''}${request.text}`,
    identity: `${stage}/${position}`,
    ignoreCache: context.ignoreCache && request.op.kind !== 'image',
  });
}

/** `COPY --link`: a step whose files stand on an empty root, and the one that lays its layer onto `parent` (L-153). */
export function nextLinkedStep(context: StageContext, request: StepRequest, parent: Step): Step {
  const copy = nextStep(context, request);
  return makeStep({
    ...copy,
    op: { kind: 'merge' },
    inputs: [parent, copy],
    name: copy.name.slice(0, copy.name.length - request.text.length) + `LINK ${request.text}`,
    identity: `${copy.identity}/link`,
  });
}

/**
 * Gives a step its id: the digest of its definition and of its inputs'. One that the cache must not answer is never the
 * same as one that it may, in another stage.
 */
export function makeStep(definition: Omit<Step, 'id'>): Step {
  const { op, inputs, ignoreCache } = definition;
  const described = { op: describeOp(op), inputs: inputs.map((input) => input.id), ignoreCache };
  return { ...definition, id: digestOf(canonicalJson(described)) };
}

function describeOp(op: StepOp): Json {
  if (op.kind === 'image') return { kind: op.kind, image: op.base.id, platform: { ...op.platform } };
  return JSON.parse(JSON.stringify(op)) as Json;
}
