import { TsbuildError, type Digest } from '../core/index.ts';
import { maxConfigBytes, mediaTypes, parseImageConfig, selectPlatform } from '../oci/index.ts';
import type { Descriptor, ImageConfig, Index, Manifest, Platform } from '../oci/index.ts';
import type { FetchedManifest } from './client.ts';
import { checkLayers } from './look-up.ts';
import { fetchBlob, fetchLayers, type Transfers } from './transfer.ts';

/** One image of an index, now whole in the store. */
export interface IndexImage {
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly config: ImageConfig;
}

const maxNesting = 3;

/**
 * Brings an index into the store with all that it names, attestations included, so that it can be sent on byte for byte.
 * Returns its images, that for the platform first, or else in the index's order. Throws IMAGE_INVALID, DIGEST_MISMATCH.
 */
export async function fetchIndex(
  work: Transfers,
  named: FetchedManifest,
  platform: Platform,
): Promise<readonly IndexImage[]> {
  const images = await fetchEntries(work, named, 0);
  const own = selectPlatform(
    platform,
    images.map((image) => ({ image, platform: image.config })),
  )?.image;
  return own === undefined ? images : [own, ...images.filter((image) => image !== own)];
}

async function fetchEntries(
  work: Transfers,
  { parsed, bytes, descriptor }: FetchedManifest,
  depth: number,
): Promise<readonly IndexImage[]> {
  if (parsed.kind === 'manifest') return fetchManifest(work, parsed.manifest, { bytes, descriptor });
  if (depth >= maxNesting)
    throw new TsbuildError('IMAGE_INVALID', `${descriptor.digest} is an index of indexes of indexes`);
  const images: IndexImage[] = [];
  for (const entry of entriesOf(parsed.index)) {
    const fetched = await work.client.manifest(entry.digest);
    if (fetched.descriptor.size !== entry.size) {
      throw new TsbuildError(
        'DIGEST_MISMATCH',
        `the manifest ${entry.digest} has another size than its index says`,
      );
    }
    images.push(...(await fetchEntries(work, fetched, depth + 1)));
  }
  // After all that it names: what finds it finds it whole.
  await work.store.blobs.put(bytes, { digest: descriptor.digest, size: descriptor.size });
  return images;
}

/** The same manifest may stand for several platforms. */
function entriesOf({ manifests }: Index): readonly Descriptor[] {
  return [...new Map(manifests.map((entry) => [entry.digest, entry])).values()];
}

async function fetchManifest(
  work: Transfers,
  manifest: Manifest,
  { bytes, descriptor }: Pick<FetchedManifest, 'bytes' | 'descriptor'>,
): Promise<readonly IndexImage[]> {
  const { store } = work;
  const { mediaType } = manifest.config;
  const hasConfig = mediaType === mediaTypes.config || mediaType === mediaTypes.dockerConfig;
  await fetchBlob(work, { descriptor: manifest.config, kind: hasConfig ? 'config' : 'layer' });
  const config = hasConfig
    ? parseImageConfig(await store.blobs.read(manifest.config.digest, maxConfigBytes))
    : undefined;
  // An attestation is called an image for an unknown platform; what it has for layers are none.
  const isImage = config !== undefined && config.os !== 'unknown';
  if (isImage) checkLayers(manifest, config);
  await fetchLayers(work, manifest.layers);
  await store.blobs.put(bytes, { digest: descriptor.digest, size: descriptor.size });
  return isImage ? [{ id: manifest.config.digest, manifest: descriptor, config }] : [];
}
