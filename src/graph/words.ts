import { expandWord, expandWords } from '../dockerfile/index.ts';
import type { StageContext, StageState } from './stage.ts';
import type { Environment } from './environment.ts';

/** One word of an instruction: variables replaced, quotes and escapes resolved. */
export function expand(context: StageContext, state: Pick<StageState, 'environment'>, word: string): string {
  return expandIn(context, state.environment, word);
}

export function expandIn(
  context: Pick<StageContext, 'dockerfile'>,
  environment: Environment,
  word: string,
): string {
  return expandWord(word, (name) => environment.get(name), { escape: context.dockerfile.directives.escape })
    .value;
}

/** EXPOSE alone may expand one word into several (L-061). */
export function expandToWords(context: StageContext, state: StageState, word: string): readonly string[] {
  return expandWords(word, (name) => state.environment.get(name), {
    escape: context.dockerfile.directives.escape,
  });
}
