import type { ArgInstruction } from '../../dockerfile/types.ts';
import { withVariables, type Environment } from '../environment.ts';
import { withHistory, type StageContext, type StageState } from '../stage.ts';
import { expandIn } from '../words.ts';

/** Known to every build without an ARG, seen by RUN, and kept out of keys and history (L-088). */
export const proxyArgs: readonly string[] = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'FTP_PROXY',
  'NO_PROXY',
  'ALL_PROXY',
].flatMap((name) => [name, name.toLowerCase()]);

/** Meant for the builder: no command sees them (L-090). */
const builderArgs: ReadonlySet<string> = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/** Each name is evaluated and set in order, so that `ARG a=1 b=$a` sees a (L-066). */
export function applyArg(context: StageContext, state: StageState, instruction: ArgInstruction): StageState {
  let next = state;
  const shown: string[] = [];
  for (const { name, value } of instruction.args) {
    const effective = argValue(context, next.environment, { name, value });
    shown.push(effective === undefined ? name : `${name}=${effective}`);
    next = { ...next, args: withVariables(next.args, [[name, effective ?? '']]) };
    if (effective === undefined || builderArgs.has(name)) continue;
    next = { ...next, environment: withVariables(next.environment, [[name, effective]]) };
  }
  return withHistory(next, `ARG ${shown.join(' ')}`, 'empty');
}

/** Build arg, else the default written here, else the global ARG's value, else none at all (L-082). */
function argValue(
  context: StageContext,
  environment: Environment,
  arg: { readonly name: string; readonly value?: string | undefined },
): string | undefined {
  context.consumed.add(arg.name);
  const given = context.options.buildArgs.get(arg.name);
  if (given !== undefined) return given;
  if (arg.value !== undefined) return expandIn(context, environment, arg.value);
  return context.globals.get(arg.name);
}
