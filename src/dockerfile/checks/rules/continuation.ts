import type { Subject } from '../subject.ts';
import type { Violation } from '../types.ts';

export function noEmptyContinuation({ dockerfile }: Subject): readonly Violation[] {
  const instructions = [
    ...dockerfile.globalArgs,
    ...dockerfile.stages.flatMap((stage) => [stage.from, ...stage.instructions]),
  ];
  let next = 0;
  return dockerfile.warnings
    .filter((warning) => warning.rule === 'NoEmptyContinuation')
    .map(({ message, at: { range } }) => {
      // Both lists are in the order of the file.
      while ((instructions[next]?.range.endLine ?? Infinity) < range.startLine) next++;
      const owner = instructions[next];
      return { message, range, owners: owner === undefined ? [] : [owner] };
    });
}
