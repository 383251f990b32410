import { digestParts, TsbuildError, type Digest } from '../core/index.ts';
import { familiarName, mediaTypes, parseReference, type Manifest, type Reference } from '../oci/index.ts';
import { repositoryReader, type RegistryOptions } from '../registry/index.ts';
import { cacheConfigType, decodeCache, maxCacheBytes } from './format.ts';
import type { CacheSource } from './source.ts';
import type { CacheImport } from './types.ts';

/** The tag of a step: its definition key, as kaniko names its own. */
export function tagOfStep(key: Digest): string {
  return digestParts(key).hex;
}

/** The repository of a specification, without the tag that a name alone would mean. */
export function repositoryOfSteps(text: string): Reference {
  const { registry, repository } = parseReference(text);
  return { registry, repository };
}

/** When the step of this manifest was run, ISO 8601. */
export const createdAnnotation = 'org.opencontainers.image.created';

/** Throws IMAGE_INVALID where a tag of a step names something else. */
export function checkStep(manifest: Manifest | undefined): Manifest {
  if (manifest?.config.mediaType === cacheConfigType) return manifest;
  const type = manifest?.config.mediaType ?? mediaTypes.index;
  throw new TsbuildError('IMAGE_INVALID', `it has no steps of tsbuild but ${type.slice(0, 200)}`, {
    hint: 'give --cache-repo a repository of its own',
  });
}

/** A repository with a tag for each step, asked when a step is looked for and not before. */
export function stepsSource(
  { repository }: Extract<CacheImport, { kind: 'steps' }>,
  options: RegistryOptions,
): CacheSource {
  const reference = repositoryOfSteps(repository);
  const visit = repositoryReader(reference, options);
  return {
    name: familiarName(reference),
    reference,
    read: async () => Promise.resolve([]),
    step: async (key) =>
      visit(async (open) => {
        const { parsed } = await open.manifest(tagOfStep(key));
        const manifest = checkStep(parsed.kind === 'manifest' ? parsed.manifest : undefined);
        return decodeCache(manifest, await open.bytes(manifest.config, maxCacheBytes));
      }),
    blobs: async (task) => visit(async (open) => task((descriptor) => open.blob(descriptor))),
  };
}
