import type { Dockerfile } from '../dockerfile/types.ts';
import { nearestName } from '../core/index.ts';
import { withVariables, type Environment } from './environment.ts';
import { proxyArgs } from './instructions/arg.ts';
import { located } from './place.ts';
import { platformArgs } from './platform-args.ts';
import type { PlanOptions } from './types.ts';
import { expandIn } from './words.ts';

/** What FROM sees (L-081): the platform's ARGs and those before the first FROM, both overridden by build args. */
export function globalArgs(dockerfile: Dockerfile, options: PlanOptions, consumed: Set<string>): Environment {
  const predefined = platformArgs(options, dockerfile.stages.at(-1)?.name);
  let globals = withVariables(
    new Map(),
    [...predefined].map(([name, value]) => [name, options.buildArgs.get(name) ?? value] as const),
  );
  for (const instruction of dockerfile.globalArgs) {
    for (const { name, value } of instruction.args) {
      consumed.add(name);
      const scope = globals;
      const effective =
        options.buildArgs.get(name) ??
        (value === undefined
          ? undefined
          : located(dockerfile, instruction.range, () => expandIn({ dockerfile }, scope, value)));
      if (effective !== undefined) globals = withVariables(globals, [[name, effective]]);
    }
  }
  return globals;
}

/** Build args that no ARG took are mistyped more often than meant (L-087). */
export function unconsumedArgs(
  dockerfile: Dockerfile,
  options: PlanOptions,
  consumed: ReadonlySet<string>,
): readonly string[] {
  const predefined = new Set([...proxyArgs, ...platformArgs(options, undefined).keys(), 'SOURCE_DATE_EPOCH']);
  const instructions = [
    ...dockerfile.globalArgs,
    ...dockerfile.stages.flatMap((stage) => stage.instructions),
  ];
  const declared = instructions.flatMap((instruction) =>
    instruction.kind === 'arg' ? instruction.args.map((arg) => arg.name) : [],
  );
  const known = new Set([...consumed, ...predefined, ...declared]);
  return [...options.buildArgs.keys()]
    .filter((name) => !known.has(name) && !name.startsWith('BUILDKIT_'))
    .map((name) => {
      const near = nearestName(name, declared);
      return `build arg ${name} was not consumed by any ARG${near === undefined ? '' : ` (did you mean ${near}?)`}`;
    });
}
