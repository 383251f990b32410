import type { Subject } from '../subject.ts';
import type { AnyInstruction, Violation } from '../types.ts';
import { writtenKeyword, writtenName } from '../written.ts';
import { on } from './on.ts';

type Casing = 'lower' | 'upper' | 'mixed';

function casingOf(word: string): Casing {
  if (word === word.toLowerCase()) return 'lower';
  return word === word.toUpperCase() ? 'upper' : 'mixed';
}

export function fromAsCasing({ dockerfile }: Subject): readonly Violation[] {
  return dockerfile.stages.flatMap((stage) => {
    const from = writtenKeyword(dockerfile, stage.from);
    const as = writtenName(stage)?.as;
    if (from === undefined || as === undefined) return [];
    // A FROM of mixed case is told of by ConsistentInstructionCasing; once is enough.
    if (casingOf(from) === 'mixed' || casingOf(from) === casingOf(as)) return [];
    return on(stage.from, `${from} and ${as} are not written in the same case`);
  });
}

/** ARGs before the first FROM do not count, as with BuildKit. */
export function consistentInstructionCasing({ dockerfile }: Subject): readonly Violation[] {
  const instructions = dockerfile.stages.flatMap((stage): AnyInstruction[] => [
    stage.from,
    ...stage.instructions,
  ]);
  const written = instructions.flatMap((instruction) => {
    const keyword = writtenKeyword(dockerfile, instruction);
    return keyword === undefined ? [] : [{ instruction, keyword, casing: casingOf(keyword) }];
  });
  const count = (casing: Casing): number => written.filter((item) => item.casing === casing).length;
  const wanted = count('lower') > count('upper') ? 'lower' : 'upper';
  return written.flatMap(({ instruction, keyword, casing }) =>
    casing === wanted
      ? []
      : on(instruction, `${keyword} is not in ${wanted} case like most instructions of the file`),
  );
}
