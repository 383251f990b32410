import type { Digest } from '../core/index.ts';
import type { Descriptor } from '../oci/types.ts';
import type { ImageRecord, Store } from '../store/types.ts';

export interface NewRecord {
  readonly id: Digest;
  readonly manifest: Descriptor;
  /** `docker.io/library/debian@sha256:…` */
  readonly repoDigest?: string | undefined;
  /** Also of one that came from a registry: its manifest says more. */
  readonly replaces?: boolean | undefined;
}

/**
 * Records an image under its id. One id may come with several manifests (plain or compressed layers): the one that
 * came from a registry stays, since it is kept byte for byte (design decision 3), unless its blob is gone.
 */
export async function recordImage(store: Store, image: NewRecord): Promise<ImageRecord> {
  await using _lock = await store.lock('images');
  const earlier = await store.images.get(image.id);
  const repoDigests = new Set(earlier?.repoDigests);
  if (image.repoDigest !== undefined) repoDigests.add(image.repoDigest);
  const keepsEarlier =
    earlier !== undefined &&
    image.replaces !== true &&
    image.repoDigest === undefined &&
    earlier.repoDigests.length > 0 &&
    (await store.blobs.stat(earlier.manifest.digest)) !== undefined;
  const record: ImageRecord = {
    id: image.id,
    manifest: keepsEarlier ? earlier.manifest : image.manifest,
    added: earlier?.added ?? new Date().toISOString(),
    repoDigests: [...repoDigests].sort(),
    attestations: earlier?.attestations,
  };
  await store.images.put(record);
  return record;
}
