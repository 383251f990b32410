import type { Subject } from '../subject.ts';
import type { Violation } from '../types.ts';

export function noEmptyContinuation({ dockerfile }: Subject): readonly Violation[] {
  const instructions = [
    ...dockerfile.globalArgs,
    ...dockerfile.stages.flatMap((stage) => [stage.from, ...stage.instructions]),
  ];
  return dockerfile.warnings
    .filter((warning) => warning.rule === 'NoEmptyContinuation')
    .map(({ message, at: { range } }) => {
      const owner = instructions.find(
        (instruction) =>
          instruction.range.startLine <= range.startLine && range.startLine <= instruction.range.endLine,
      );
      return { message, range, owners: owner === undefined ? [] : [owner] };
    });
}
