import { canonicalJson, digestOf, type Json, type SourceRange } from '../core/index.ts';
import type { StageInstruction } from '../dockerfile/types.ts';
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
  const position = context.counter.next++;
  const total = String(context.counter.total);
  const number = String(position).padStart(total.length); // ` 9/12`, so that the columns stand
  const label = context.label === '' ? '' : `${context.label} `;
  return makeStep({
    op: request.op,
    inputs: request.inputs,
    at: request.at === undefined ? undefined : excerptOf(context.dockerfile, request.at),
    name: `[${label}${number}/${total}] ${context.onbuild ? 'ONBUILD ' : ''}${request.text}`,
    identity: `${context.label}/${position}`,
    ignoreCache:
      context.options.noCache === true && request.op.kind !== 'image' && request.op.kind !== 'scratch',
  });
}

/** Gives a step its id: the digest of its definition and of its inputs'. */
export function makeStep(definition: Omit<Step, 'id'>): Step {
  const { op, inputs } = definition;
  return {
    ...definition,
    id: digestOf(canonicalJson({ op: describeOp(op), inputs: inputs.map((input) => input.id) })),
  };
}

function describeOp(op: StepOp): Json {
  if (op.kind === 'image') return { kind: op.kind, image: op.base.id, platform: { ...op.platform } };
  return JSON.parse(JSON.stringify(op)) as Json;
}
