import { TsbuildError } from '../../../core/index.ts';
import { parseDockerfile } from '../../../dockerfile/index.ts';
import type { Dockerfile, StageInstruction } from '../../../dockerfile/types.ts';
import { plan, type ResolvedBase } from '../../../graph/index.ts';
import type { Image } from '../../../image/index.ts';
import { hostPlatform, type ContainerDefaults } from '../../../oci/index.ts';

/** What `docker commit --change` takes. */
const changeable: ReadonlySet<StageInstruction['kind']> = new Set([
  'cmd',
  'entrypoint',
  'env',
  'expose',
  'healthcheck',
  'label',
  'onbuild',
  'shell',
  'stopsignal',
  'user',
  'volume',
  'workdir',
]);

/**
 * A config with instructions applied by the rules of a Dockerfile. Throws USAGE for an instruction that makes files, and
 * what the Dockerfile's reader says of one that is wrong.
 */
export async function changedConfig(
  image: Image,
  config: ContainerDefaults,
  changes: readonly string[],
): Promise<ContainerDefaults> {
  if (changes.length === 0) return config;
  const dockerfile = parseDockerfile(['FROM container', ...changes].join('\n'), '--change');
  const { stages } = dockerfile;
  const instructions = stages.flatMap((stage) => stage.instructions);
  const refused = instructions.find(({ kind }) => !changeable.has(kind));
  if (refused !== undefined || stages.length !== 1) {
    const name = refused?.kind.toUpperCase() ?? 'FROM';
    throw new TsbuildError('USAGE', `--change: ${name} is not possible`, {
      hint: `only ${[...changeable].map((kind) => kind.toUpperCase()).join(', ')} are`,
    });
  }
  // Triggers are for who builds on the image, which nobody does here.
  const { OnBuild: triggers, ...rest } = config;
  const changed = await planned(dockerfile, { ...image, config: { ...image.config, config: rest } });
  const OnBuild = [...(triggers ?? []), ...(changed.OnBuild ?? [])];
  return { ...changed, ...(OnBuild.length > 0 && { OnBuild }) };
}

async function planned(dockerfile: Dockerfile, image: Image): Promise<ContainerDefaults> {
  const platform = hostPlatform();
  const base: ResolvedBase = {
    name: 'container',
    digest: image.digest,
    id: image.id,
    config: image.config,
    layers: image.manifest.layers,
  };
  const { config } = await plan(dockerfile, {
    buildArgs: new Map(),
    platform,
    buildPlatform: platform,
    labels: [],
    noCache: false,
    network: 'none',
    contexts: new Map(),
    allow: new Set(),
    extraHosts: [],
    resolveBase: async () => base,
    resolveLayout: async () => base,
  });
  return config;
}
