import { checkedInstructions, type Subject } from '../subject.ts';
import type { AnyInstruction, Violation } from '../types.ts';
import { on } from './on.ts';

/** A shell of the file's own choice is taken for meant. */
export function jsonArgsRecommended(subject: Subject): readonly Violation[] {
  return checkedInstructions(subject).flatMap(({ instruction, shellSet }) => {
    if (instruction.kind !== 'cmd' && instruction.kind !== 'entrypoint') return [];
    if (instruction.command.form !== 'shell' || shellSet) return [];
    const keyword = instruction.kind.toUpperCase();
    return on(
      instruction,
      `${keyword} in shell form does not pass signals on to the program`,
      `write it as a JSON array: ${keyword} ["program", "argument"]`,
    );
  });
}

const countsOnce: ReadonlySet<string> = new Set(['cmd', 'entrypoint', 'healthcheck']);

/** The place is the earlier instruction: it is the one without effect. */
export function multipleInstructionsDisallowed(subject: Subject): readonly Violation[] {
  return subject.checked.flatMap((index) => {
    const earlier = new Map<string, AnyInstruction>();
    return (subject.dockerfile.stages[index]?.instructions ?? []).flatMap((instruction) => {
      if (!countsOnce.has(instruction.kind)) return [];
      const before = earlier.get(instruction.kind);
      earlier.set(instruction.kind, instruction);
      if (before === undefined) return [];
      const keyword = instruction.kind.toUpperCase();
      const message = `${keyword} has no effect, line ${instruction.range.startLine} replaces it`;
      return [{ message, range: before.range, owners: [before, instruction] }];
    });
  });
}
