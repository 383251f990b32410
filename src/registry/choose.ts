import { TsbuildError } from '../core/index.ts';
import { formatPlatform, mediaTypes, selectPlatform } from '../oci/index.ts';
import type { Descriptor, Manifest, Platform } from '../oci/index.ts';
import type { FetchedManifest, RegistryClient } from './client.ts';

export interface ChosenManifest {
  readonly manifest: Manifest;
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** Of an index the image for the platform; an index may stand in an index once. Throws PLATFORM_MISMATCH, IMAGE_INVALID. */
export async function chooseManifest(
  client: RegistryClient,
  named: FetchedManifest,
  wanted: { readonly name: string; readonly platform: Platform },
): Promise<ChosenManifest> {
  let fetched = named;
  for (let depth = 0; depth < 3; depth += 1) {
    const { descriptor, bytes, parsed } = fetched;
    if (parsed.kind === 'manifest') {
      refuseArtifact(parsed.manifest, wanted.name);
      return { manifest: parsed.manifest, descriptor, bytes };
    }
    const entry = selectPlatform(wanted.platform, parsed.index.manifests);
    if (entry === undefined) throw noPlatform(parsed.index.manifests, wanted);
    fetched = await fetchEntry(client, entry);
  }
  throw new TsbuildError('IMAGE_INVALID', `${wanted.name} is an index of indexes of indexes`);
}

/** The manifest that an index names. Throws DIGEST_MISMATCH when it has another size than the index says. */
export async function fetchEntry(client: RegistryClient, entry: Descriptor): Promise<FetchedManifest> {
  const fetched = await client.manifest(entry.digest);
  if (fetched.descriptor.size === entry.size) return fetched;
  throw new TsbuildError(
    'DIGEST_MISMATCH',
    `the manifest ${entry.digest} has another size than its index says`,
  );
}

function noPlatform(
  entries: readonly Descriptor[],
  { name, platform }: { readonly name: string; readonly platform: Platform },
): TsbuildError {
  const offered = entries
    .flatMap((entry) => entry.platform ?? [])
    .map(formatPlatform)
    .filter((text) => !text.startsWith('unknown'));
  return new TsbuildError('PLATFORM_MISMATCH', `${name} has no image for ${formatPlatform(platform)}`, {
    hint: `it has ${[...new Set(offered)].slice(0, 20).join(', ') || 'none at all'}`,
  });
}

/** Charts, signatures and the like are stored as manifests too; their config is no image config. */
function refuseArtifact(manifest: Manifest, name: string): void {
  const { mediaType } = manifest.config;
  if (mediaType === mediaTypes.config || mediaType === mediaTypes.dockerConfig) return;
  const type = manifest.artifactType ?? mediaType;
  throw new TsbuildError('IMAGE_INVALID', `${name} is not a container image but ${type}`);
}
