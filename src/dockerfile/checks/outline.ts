import type { SourceRange } from '../../core/index.ts';
import type { ArgInstruction, Dockerfile, RunInstruction } from '../types.ts';
import { descriptionOf } from './comments.ts';
import { stagesNeeded, targetIndex } from './stages.ts';
import { subjectOf, type Subject } from './subject.ts';
import type { CheckOptions } from './types.ts';

/** What a target can be given: `build --call=outline`. Lists are in the order of the file. */
export interface Outline {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly args: readonly OutlineArg[];
  readonly secrets: readonly OutlineMount[];
  readonly ssh: readonly OutlineMount[];
}

export interface OutlineArg {
  readonly name: string;
  readonly description?: string | undefined;
  /** What the build would take: the build arg, else the default with its variables replaced. */
  readonly value?: string | undefined;
  readonly range: SourceRange;
}

export interface OutlineMount {
  /** Secret or ssh id. */
  readonly name: string;
  readonly required: boolean;
  readonly range: SourceRange;
}

/**
 * The ARGs that the target and the stages it needs really use, and the secrets and ssh sockets they mount. Throws
 * STAGE_NOT_FOUND.
 */
export function outlineOf(dockerfile: Dockerfile, options: CheckOptions): Outline {
  const subject = subjectOf(dockerfile, options);
  const target = targetIndex(dockerfile, options.target);
  const needed = stagesNeeded(dockerfile, subject.froms, target);
  const stage = dockerfile.stages[target];
  return {
    name: stage?.name,
    description: stage === undefined ? undefined : descriptionOf(stage.from.comments, stage.name),
    args: inFileOrder([...argsOf(subject, needed).values()]),
    secrets: inFileOrder(mountsOf(subject, needed, 'secret')),
    ssh: inFileOrder(mountsOf(subject, needed, 'ssh')),
  };
}

/** By name; the nearest to the target goes before others of the name, the last of a stage before earlier ones. */
function argsOf(subject: Subject, needed: readonly number[]): ReadonlyMap<string, OutlineArg> {
  const found = new Map<string, OutlineArg>();
  const add = (arg: OutlineArg): void => {
    if (!found.has(arg.name)) found.set(arg.name, arg);
  };
  for (const index of needed) {
    const own = new Map<string, OutlineArg>();
    for (const { instruction, args } of subject.stages[index] ?? []) {
      if (instruction.kind !== 'arg') continue;
      for (const arg of args) {
        if (arg.inherited) addGlobal(subject, arg.name, add);
        else own.set(arg.name, describe(instruction, arg));
      }
    }
    own.forEach(add);
    const from = subject.froms[index];
    for (const name of [...(from?.image?.matched ?? []), ...(from?.platform?.matched ?? [])])
      addGlobal(subject, name, add);
  }
  return found;
}

/** A global ARG and those its default is made of; the platform's own are nothing to be given. */
function addGlobal({ globals }: Subject, name: string, add: (arg: OutlineArg) => void): void {
  const pending = [name];
  const seen = new Set<string>();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const global = globals.declared.get(next);
    if (global === undefined || seen.has(next)) continue;
    seen.add(next);
    add(describe(global.instruction, { name: next, value: global.value }));
    pending.push(...global.uses);
  }
}

function describe(
  instruction: ArgInstruction,
  { name, value }: { readonly name: string; readonly value?: string | undefined },
): OutlineArg {
  return { name, value, description: descriptionOf(instruction.comments, name), range: instruction.range };
}

function mountsOf(
  subject: Subject,
  needed: readonly number[],
  type: 'secret' | 'ssh',
): readonly OutlineMount[] {
  const found = new Map<string, OutlineMount>();
  for (const index of needed) {
    for (const { instruction, mounts } of subject.stages[index] ?? []) {
      for (const mount of mounts.filter((one) => one.type === type)) {
        const name = mount.id ?? 'default';
        if (!found.has(name)) found.set(name, outlineMount(instruction, name, mount.required));
      }
    }
  }
  return [...found.values()];
}

function outlineMount(
  { range }: Pick<RunInstruction, 'range'>,
  name: string,
  required: boolean | undefined,
): OutlineMount {
  return { name, required: required ?? false, range };
}

function inFileOrder<T extends { readonly range: SourceRange }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => a.range.startLine - b.range.startLine);
}
