import type { Dockerfile } from '../types.ts';
import { globalArgsOf, type GlobalArgs } from './globals.ts';
import { readInstruction, type FileFacts, type Scope } from './instruction-facts.ts';
import { makeSuggest, type Suggest } from './suggest.ts';
import { fromFactsOf, stagesNeeded, targetIndex } from './stages.ts';
import type { CheckOptions, FromFacts, InstructionFacts } from './types.ts';

/** Everything the checks and the outline look at, worked out once. */
export interface Subject {
  readonly dockerfile: Dockerfile;
  readonly options: CheckOptions;
  readonly globals: GlobalArgs;
  readonly froms: readonly FromFacts[];
  /** What each stage's instructions come to, by the stage's index. */
  readonly stages: readonly (readonly InstructionFacts[])[];
  /** Indices of the stages whose doings are checked, in the order of the file. */
  readonly checked: readonly number[];
  readonly suggest: Suggest;
}

/** Throws STAGE_NOT_FOUND. */
export function subjectOf(dockerfile: Dockerfile, options: CheckOptions): Subject {
  const globals = globalArgsOf(dockerfile, options.platformArgs, options.buildArgs);
  const froms = fromFactsOf(dockerfile, globals.values, options.base);
  const suggest = makeSuggest();
  const file: FileFacts = {
    suggest,
    escape: dockerfile.directives.escape,
    buildArgs: options.buildArgs,
    globals: globals.values,
    setSomewhere: new Set([...globals.values.keys(), ...globals.declared.keys(), ...namesSet(dockerfile)]),
  };
  const scopes: { scope: Scope; triggers: boolean }[] = [];
  const stages = froms.map((from) => {
    const scope = firstScope(from, scopes);
    const triggers = from.stage.instructions.some((instruction) => instruction.kind === 'onbuild');
    scopes.push({ scope, triggers });
    return from.stage.instructions.map((instruction) => readInstruction(file, scope, instruction));
  });
  const everyStage = dockerfile.stages.map((stage) => stage.index);
  const { target } = options;
  const checked =
    target === undefined || target === ''
      ? everyStage
      : [...stagesNeeded(dockerfile, froms, targetIndex(dockerfile, target))].sort((a, b) => a - b);
  return { dockerfile, options, globals, froms, stages, checked, suggest };
}

function namesSet(dockerfile: Dockerfile): readonly string[] {
  return dockerfile.stages.flatMap((stage) =>
    stage.instructions.flatMap((instruction) => {
      if (instruction.kind === 'arg') return instruction.args.map(({ name }) => name);
      return instruction.kind === 'env' ? instruction.pairs.map(({ name }) => name) : [];
    }),
  );
}

/** What the first instruction of a stage sees: all that its base left behind. */
function firstScope(
  from: FromFacts,
  earlier: readonly { readonly scope: Scope; readonly triggers: boolean }[],
): Scope {
  const parent = from.parent === undefined ? undefined : earlier[from.parent];
  const image = from.image?.value.toLowerCase();
  const base = parent?.scope ?? {
    values: new Map([['PATH', ''], ...(from.base?.environment ?? [])]),
    declared: new Set<string>(),
    complete: image === 'scratch' || from.base?.triggers === false,
    shellSet: from.base?.shell === true,
    workdirSet: false,
  };
  return {
    values: new Map(base.values),
    declared: new Set(base.declared),
    // ONBUILD of the base may set anything here.
    complete: base.complete && parent?.triggers !== true,
    shellSet: base.shellSet,
    workdirSet: base.workdirSet,
  };
}

/** The facts of all checked stages, stage by stage. */
export function checkedInstructions(subject: Subject): readonly InstructionFacts[] {
  return subject.checked.flatMap((index) => subject.stages[index] ?? []);
}
