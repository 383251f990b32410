import { parseTrigger } from '../dockerfile/index.ts';
import type { Dockerfile, FromInstruction, StageInstruction } from '../dockerfile/types.ts';
import type { StageState } from './stage.ts';

/** One ONBUILD trigger of a base, with the text it came from for messages. */
export interface Trigger {
  readonly instruction: StageInstruction;
  readonly source: Dockerfile;
}

/** The base's triggers, parsed; a base is foreign text, so this may fail like any Dockerfile. */
export function triggersOf(state: StageState, from: FromInstruction): readonly Trigger[] {
  return (state.config.OnBuild ?? []).map((text) => parseTrigger(text, `ONBUILD of ${from.image}`));
}
