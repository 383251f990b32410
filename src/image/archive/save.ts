import { TsbuildError } from '../../core/index.ts';
import type { Digest } from '../../core/index.ts';
import type { Store } from '../../store/types.ts';
import type { TarSink } from '../../tar/index.ts';
import { openImage } from '../image.ts';
import type { Image } from '../image.ts';
import { resolveImage } from '../resolve.ts';
import { writeDockerArchive } from './save-docker.ts';
import { writeOciArchive } from './save-oci.ts';

/** An image and the full names it has in the archive. */
export interface NamedImage {
  readonly image: Image;
  readonly names: readonly string[];
}

export interface SaveOptions {
  /**
   * `docker`: with plain layers, for `docker load` and `podman load` of any age; it is an OCI layout as well.
   * `oci`: manifests and layers as the store has them.
   */
  readonly format: 'docker' | 'oci';
}

/**
 * Writes images, given by name or id, into one archive. An image that is given by name is named so in it. The same images give
 * the same bytes, whether a store has their layers plain or compressed for `docker`, in any case for `oci`.
 * Throws IMAGE_NOT_FOUND, BLOB_NOT_FOUND, DIGEST_MISMATCH.
 */
export async function saveArchive(
  store: Store,
  images: readonly string[],
  sink: TarSink,
  { format }: SaveOptions,
): Promise<void> {
  if (images.length === 0) throw new TsbuildError('USAGE', 'no image to save was named');
  await using lease = await store.lease();
  const chosen = new Map<Digest, NamedImage>();
  for (const text of images) {
    const { id, manifest, name } = await resolveImage(store, text);
    await lease.keep({ blob: manifest.digest });
    const earlier = chosen.get(id);
    const names = new Set(earlier?.names);
    if (name !== undefined) names.add(name);
    chosen.set(id, { image: earlier?.image ?? (await openImage(store, manifest)), names: [...names] });
  }
  for (const { image } of chosen.values()) {
    for (const layer of image.layers) await lease.keep({ blob: layer.descriptor.digest });
  }
  const write = format === 'docker' ? writeDockerArchive : writeOciArchive;
  await write(store, [...chosen.values()], sink);
}
