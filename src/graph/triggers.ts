import { parseTrigger } from '../dockerfile/index.ts';
import type { FromInstruction, Trigger } from '../dockerfile/types.ts';
import type { StageState } from './stage.ts';

/** The base's ONBUILD triggers, parsed; a base is foreign text, so this may fail like any Dockerfile. */
export function triggersOf(state: StageState, from: FromInstruction): readonly Trigger[] {
  return (state.config.OnBuild ?? []).map((text) =>
    parseTrigger(text, `ONBUILD trigger of base image ${from.image}`),
  );
}
