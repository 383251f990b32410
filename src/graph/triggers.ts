import { parseTrigger } from '../dockerfile/index.ts';
import type { FromInstruction, Trigger } from '../dockerfile/types.ts';
import type { ContainerDefaults } from '../oci/types.ts';

/** The base's ONBUILD triggers, parsed; a base is foreign text, so this may fail like any Dockerfile. */
export function triggersOf(onBuild: ContainerDefaults['OnBuild'], from: FromInstruction): readonly Trigger[] {
  return (onBuild ?? []).map((text) => parseTrigger(text, `ONBUILD trigger of base ${from.image}`));
}
