import { TsbuildError } from '../../core/index.ts';
import type { Digest } from '../../core/index.ts';
import type { Descriptor, Platform } from '../../oci/index.ts';
import type { Store } from '../../store/types.ts';
import type { TarSink } from '../../tar/index.ts';
import { resolveForPlatform } from '../for-platform.ts';
import { openImage } from '../image.ts';
import type { Image } from '../image.ts';
import { writeDockerArchive } from './save-docker.ts';
import { writeOciArchive } from './save-oci.ts';

/** An image and the full names it has in the archive. */
export interface NamedImage {
  readonly image: Image;
  readonly names: readonly string[];
}

/** An index of the store with all its images, and the full names that it has in the archive. */
export interface NamedIndex {
  readonly index: Descriptor;
  readonly names: readonly string[];
}

export interface SaveOptions {
  /**
   * `docker`: with plain layers, for `docker load` and `podman load` of any age; it is an OCI layout as well.
   * `oci`: manifests and layers as the store has them, and indexes with all their images; of an index `docker` has
   * the image for this machine alone.
   */
  readonly format: 'docker' | 'oci';
  /** The image for it alone of each index. */
  readonly platform?: Platform | undefined;
}

/**
 * Writes images, given by name or id, into one archive. An image that is given by name is named so in it. The same images give
 * the same bytes, whether a store has their layers plain or compressed for `docker`, in any case for `oci`.
 * Throws IMAGE_NOT_FOUND, PLATFORM_MISMATCH, BLOB_NOT_FOUND, DIGEST_MISMATCH.
 */
export async function saveArchive(
  store: Store,
  images: readonly string[],
  sink: TarSink,
  { format, platform }: SaveOptions,
): Promise<void> {
  if (images.length === 0) throw new TsbuildError('USAGE', 'no image to save was named');
  await using lease = await store.lease();
  const chosen = new Map<Digest, NamedImage>();
  const indexes = new Map<Digest, NamedIndex>();
  for (const text of images) {
    const { id, manifest, name, index } = await resolveForPlatform(store, text, platform);
    const names = (earlier: { readonly names: readonly string[] } | undefined): readonly string[] => [
      ...new Set([...(earlier?.names ?? []), ...(name === undefined ? [] : [name])]),
    ];
    if (index !== undefined && format === 'oci' && platform === undefined) {
      // What a manifest or an index names is kept with it.
      await lease.keep({ blob: index.digest });
      indexes.set(index.digest, { index, names: names(indexes.get(index.digest)) });
      continue;
    }
    await lease.keep({ blob: manifest.digest });
    const earlier = chosen.get(id);
    chosen.set(id, { image: earlier?.image ?? (await openImage(store, manifest)), names: names(earlier) });
  }
  if (format === 'docker') await writeDockerArchive(store, [...chosen.values()], sink);
  else await writeOciArchive(store, [...chosen.values(), ...indexes.values()], sink);
}
