import { checkedInstructions, type Subject } from '../subject.ts';
import type { Violation } from '../types.ts';
import { quotedWords } from '../../words.ts';
import { on } from './on.ts';

export function maintainerDeprecated({ dockerfile }: Subject): readonly Violation[] {
  return dockerfile.stages.flatMap((stage) =>
    stage.instructions.flatMap((instruction) =>
      instruction.kind === 'maintainer'
        ? on(
            instruction,
            'MAINTAINER is deprecated in favour of a label',
            'write LABEL org.opencontainers.image.authors="name"',
          )
        : [],
    ),
  );
}

export function legacyKeyValueFormat(subject: Subject): readonly Violation[] {
  const { escape } = subject.dockerfile.directives;
  return checkedInstructions(subject).flatMap(({ instruction }) => {
    if (instruction.kind !== 'env' && instruction.kind !== 'label') return [];
    const keyword = instruction.kind.toUpperCase();
    const [first] = quotedWords(instruction.text.slice(keyword.length), escape);
    if (first === undefined || first.includes('=')) return [];
    return on(
      instruction,
      `${keyword} separates name and value by a blank, which is the old way`,
      `write ${keyword} name=value`,
    );
  });
}
