import { listWords } from '../characters.ts';
import type { Dockerfile, StageSyntax } from '../types.ts';
import type { AnyInstruction } from './types.ts';

/** The keyword as it stands in the file; undefined where a continuation cuts through it. */
export function writtenKeyword(dockerfile: Dockerfile, instruction: AnyInstruction): string | undefined {
  const line = dockerfile.lines[instruction.range.startLine - 1] ?? '';
  const keyword = /^\s*([a-z]+)/i.exec(line)?.[1];
  return keyword?.toUpperCase() === instruction.kind.toUpperCase() ? keyword : undefined;
}

/** `as` and the name behind it, as they are written. */
export function writtenName(stage: StageSyntax): { readonly as: string; readonly name: string } | undefined {
  const words = listWords(stage.from.text);
  const [as, name] = words.slice(-2);
  return stage.name === undefined || as === undefined || name === undefined ? undefined : { as, name };
}
