import { TsbuildError, type Digest } from '../core/index.ts';
import { isAttestation, maxConfigBytes, mediaTypes, parseImageConfig, selectPlatform } from '../oci/index.ts';
import type { Descriptor, ImageConfig, Manifest, Platform } from '../oci/index.ts';
import { fetchEntry } from './choose.ts';
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
  const images = await fetchEntries(work, named, { depth: 0, isImage: true, fetched: new Set() });
  const own = selectPlatform(
    platform,
    images.map((image) => ({ image, platform: image.config })),
  )?.image;
  return own === undefined ? images : [own, ...images.filter((image) => image !== own)];
}

interface Below {
  readonly depth: number;
  readonly isImage: boolean;
  /** A manifest may be named for several platforms, and an index of thousands of entries be named thousands of times. */
  readonly fetched: Set<Digest>;
}

async function fetchEntries(
  work: Transfers,
  { parsed, bytes, descriptor }: FetchedManifest,
  { depth, isImage, fetched: before }: Below,
): Promise<readonly IndexImage[]> {
  if (parsed.kind === 'manifest') return fetchManifest(work, parsed.manifest, { bytes, descriptor, isImage });
  if (depth >= maxNesting)
    throw new TsbuildError('IMAGE_INVALID', `${descriptor.digest} is an index of indexes of indexes`);
  const images: IndexImage[] = [];
  for (const entry of parsed.index.manifests) {
    if (before.has(entry.digest)) continue;
    before.add(entry.digest);
    const fetched = await fetchEntry(work.client, entry);
    const below = { depth: depth + 1, isImage: isImage && !isAttestation(entry), fetched: before };
    images.push(...(await fetchEntries(work, fetched, below)));
  }
  // After all that it names: what finds it finds it whole.
  await work.store.blobs.put(bytes, { digest: descriptor.digest, size: descriptor.size });
  return images;
}

async function fetchManifest(
  work: Transfers,
  manifest: Manifest,
  fetched: Pick<FetchedManifest, 'bytes' | 'descriptor'> & { readonly isImage: boolean },
): Promise<readonly IndexImage[]> {
  const { store } = work;
  const { mediaType } = manifest.config;
  const { bytes, descriptor } = fetched;
  // What is no image may call whatever it likes its config and its layers.
  const isImage =
    fetched.isImage && (mediaType === mediaTypes.config || mediaType === mediaTypes.dockerConfig);
  await fetchBlob(work, { descriptor: manifest.config, kind: isImage ? 'config' : 'layer' });
  const config = isImage
    ? parseImageConfig(await store.blobs.read(manifest.config.digest, maxConfigBytes))
    : undefined;
  if (config !== undefined) checkLayers(manifest, config);
  await fetchLayers(work, manifest.layers);
  await store.blobs.put(bytes, { digest: descriptor.digest, size: descriptor.size });
  return config !== undefined ? [{ id: manifest.config.digest, manifest: descriptor, config }] : [];
}
