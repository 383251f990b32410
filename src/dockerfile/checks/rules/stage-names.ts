import type { Subject } from '../subject.ts';
import type { Violation } from '../types.ts';
import { writtenName } from '../written.ts';
import { on } from './on.ts';

export function stageNameCasing({ dockerfile }: Subject): readonly Violation[] {
  return dockerfile.stages.flatMap((stage) => {
    const name = writtenName(stage)?.name;
    if (name === undefined || name === name.toLowerCase()) return [];
    return on(stage.from, `stage name ${JSON.stringify(name)} has upper-case letters`);
  });
}

export function duplicateStageName({ dockerfile }: Subject): readonly Violation[] {
  const seen = new Set<string>();
  return dockerfile.stages.flatMap(({ name, from }) => {
    if (name === undefined) return [];
    if (seen.has(name)) return on(from, `an earlier stage is called ${JSON.stringify(name)} as well`);
    seen.add(name);
    return [];
  });
}

const reserved: ReadonlySet<string> = new Set(['context', 'scratch']);

export function reservedStageName({ dockerfile }: Subject): readonly Violation[] {
  return dockerfile.stages.flatMap(({ name, from }) =>
    name !== undefined && reserved.has(name)
      ? on(from, `${JSON.stringify(name)} has a meaning of its own and should name no stage`)
      : [],
  );
}
