import type { ContainerDefaults } from '../../../oci/index.ts';
import type { ContainerRecord } from '../types.ts';

/** What the runtime sets by itself: no choice of who made the container. */
const runtimeVariables: ReadonlySet<string> = new Set(['HOME', 'HOSTNAME', 'PATH', 'TERM', 'container']);

/**
 * The config of a container's image with what `run` was told instead, as Docker commits it: command, environment,
 * working directory, labels.
 */
export function containerDefaults(record: ContainerRecord, image: ContainerDefaults): ContainerDefaults {
  const { command, labels = {}, spec } = record;
  const { env, cwd } = spec.config.process;
  return {
    ...image,
    ...commandOf(command, image),
    Env: environmentOf(env, image.Env ?? []),
    ...(cwd !== (image.WorkingDir || '/') && { WorkingDir: cwd }),
    ...(Object.keys(labels).length > 0 && { Labels: { ...image.Labels, ...labels } }),
  };
}

/** The image's entry point stays one where the command begins with it; one that was replaced is part of the command. */
function commandOf(
  command: readonly string[],
  { Entrypoint, Cmd }: ContainerDefaults,
): Pick<ContainerDefaults, 'Entrypoint' | 'Cmd'> {
  const entrypoint = Entrypoint ?? [];
  if (!entrypoint.every((word, index) => command[index] === word))
    return { Entrypoint: undefined, Cmd: command };
  const rest = command.slice(entrypoint.length);
  return { Entrypoint, Cmd: rest.length === 0 && Cmd === undefined ? undefined : rest };
}

function environmentOf(process: readonly string[], image: readonly string[]): readonly string[] {
  const values = new Map(image.map(assignment));
  for (const [name, value] of process.map(assignment)) {
    if (values.has(name) || !runtimeVariables.has(name)) values.set(name, value);
  }
  return [...values].map(([name, value]) => `${name}=${value}`);
}

function assignment(text: string): readonly [name: string, value: string] {
  const end = text.indexOf('=');
  return end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 1)];
}
