import type { ContainerDefaults } from '../../../oci/index.ts';
import type { ContainerRecord } from '../types.ts';

/** What the runtime sets by itself: no choice of who made the container. */
const runtimeVariables: ReadonlySet<string> = new Set(['HOME', 'HOSTNAME', 'PATH', 'TERM', 'container']);

/**
 * The config of a container's image with what `run` was told instead, as Docker commits it: command, entry
 * point, user, environment, working directory, labels.
 */
export function containerDefaults(record: ContainerRecord, image: ContainerDefaults): ContainerDefaults {
  const { command, labels = {}, spec, asked = {} } = record;
  const { env, cwd } = spec.config.process;
  return {
    ...image,
    ...commandOf(command, asked.entrypoint, image),
    ...(asked.user !== undefined && { User: asked.user }),
    Env: environmentOf(env, image.Env ?? []),
    ...(cwd !== (image.WorkingDir || '/') && { WorkingDir: cwd }),
    ...(Object.keys(labels).length > 0 && { Labels: { ...image.Labels, ...labels } }),
  };
}

/** `replaced`: what `run --entrypoint` said; then the image's arguments are none of the container's. */
function commandOf(
  command: readonly string[],
  replaced: readonly string[] | undefined,
  image: ContainerDefaults,
): Pick<ContainerDefaults, 'Entrypoint' | 'Cmd'> {
  const entrypoint = replaced ?? image.Entrypoint ?? [];
  const rest = command.slice(entrypoint.length);
  const hasArguments = rest.length > 0 || (replaced === undefined && image.Cmd !== undefined);
  return {
    Entrypoint: entrypoint.length > 0 ? entrypoint : undefined,
    Cmd: hasArguments ? rest : undefined,
  };
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
