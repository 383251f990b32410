import { checkComment } from '../settings.ts';
import type { Subject } from '../subject.ts';
import type { AnyInstruction, Violation } from '../types.ts';
import { on } from './on.ts';

/** A comment directly above FROM … AS and ARG is shown as their description, if it begins with the name. */
export function invalidDefinitionDescription({ dockerfile }: Subject): readonly Violation[] {
  const instructions: readonly AnyInstruction[] = [
    ...dockerfile.globalArgs,
    ...dockerfile.stages.flatMap((stage) => [stage.from, ...stage.instructions]),
  ];
  const stageNames = new Map(dockerfile.stages.map((stage) => [stage.from as AnyInstruction, stage.name]));
  return instructions.flatMap((instruction) => {
    const stageName = stageNames.get(instruction);
    const names =
      instruction.kind === 'arg'
        ? instruction.args.map(({ name }) => name)
        : stageName === undefined
          ? []
          : [stageName];
    const comment = instruction.comments?.findLast((line) => checkComment(line) === undefined);
    const [first] = names;
    if (first === undefined || comment === undefined) return [];
    if (names.includes(comment.split(' ', 1)[0] ?? '')) return [];
    return on(
      instruction,
      `the comment above ${instruction.kind.toUpperCase()} does not describe ${names.length === 1 ? first : 'any of its names'}`,
      `write # ${names.length === 1 ? first : 'NAME'} and the description, or leave a blank line between`,
    );
  });
}
