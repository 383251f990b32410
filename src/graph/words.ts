import { expandForDisplay, expandWord, expandWords } from '../dockerfile/index.ts';
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

/** An instruction's text as progress shows it: what is set is replaced, all else stays as written (L-070). */
export function nameOf(
  context: StageContext,
  { environment }: Pick<StageState, 'environment'>,
  text: string,
): string {
  return expandForDisplay(text, (name) => environment.get(name), {
    escape: context.dockerfile.directives.escape,
  });
}

/** EXPOSE alone may expand one word into several (L-061). */
export function expandToWords(context: StageContext, state: StageState, word: string): readonly string[] {
  return expandWords(word, (name) => state.environment.get(name), {
    escape: context.dockerfile.directives.escape,
  });
}
