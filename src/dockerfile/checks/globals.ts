import type { ArgInstruction, Dockerfile } from '../types.ts';
import { traceWord } from './expansion.ts';

/** ARGs before the first FROM, as FROM sees them. */
export interface GlobalArgs {
  readonly values: ReadonlyMap<string, string>;
  /** Also those without a value. */
  readonly declared: ReadonlyMap<string, GlobalArg>;
}

export interface GlobalArg {
  readonly instruction: ArgInstruction;
  readonly value: string | undefined;
  /** The global ARGs that its default is made of. */
  readonly uses: ReadonlySet<string>;
}

/** Without `buildArgs`: what the defaults alone come to. */
export function globalArgsOf(
  dockerfile: Dockerfile,
  platformArgs: ReadonlyMap<string, string>,
  buildArgs: ReadonlyMap<string, string>,
): GlobalArgs {
  const values = new Map(platformArgs);
  const declared = new Map<string, GlobalArg>();
  for (const instruction of dockerfile.globalArgs) {
    for (const { name, value: written } of instruction.args) {
      const given = buildArgs.get(name);
      const expansion =
        given !== undefined || written === undefined
          ? undefined
          : traceWord(written, (wanted) => values.get(wanted), dockerfile.directives.escape);
      const value = given ?? expansion?.value;
      if (value !== undefined) values.set(name, value);
      // An earlier ARG of the name may have gone into this one's value.
      const uses = new Set([...(declared.get(name)?.uses ?? []), ...(expansion?.matched ?? [])]);
      declared.set(name, { instruction, value, uses });
    }
  }
  return { values, declared };
}
