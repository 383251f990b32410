import type { Digest } from '../core/index.ts';
import type { Descriptor, Platform } from '../oci/types.ts';
import type { Store } from '../store/types.ts';
import { openIfWhole } from './image.ts';
import type { Image } from './image.ts';
import { imagesOf } from './index-image.ts';

export interface ImageRow {
  readonly id: Digest;
  readonly manifest: Descriptor;
  /** Full names, sorted; empty for an image without a name. Those of an index are names of all its images. */
  readonly names: readonly string[];
  readonly repoDigests: readonly string[];
  /** RFC 3339, as the image says. */
  readonly created: string | undefined;
  /** Undefined when parts of the image are gone from the store. */
  readonly platform: Platform | undefined;
  /** Bytes of its layers as stored and its config. */
  readonly size: number;
}

/** All images of the store, newest first; an image whose manifest or config has vanished is shown without details. */
export async function listImages(store: Store): Promise<readonly ImageRow[]> {
  const records = new Map((await store.images.list()).map((record) => [record.id, record]));
  const names = new Map<Digest, string[]>();
  const manifests = new Map<Digest, Descriptor>();
  for (const ref of await store.refs.list()) {
    for (const { id, manifest } of await imagesOf(store, ref.target)) {
      names.set(id, [...(names.get(id) ?? []), ref.name]);
      manifests.set(id, manifest);
    }
  }
  for (const record of records.values()) manifests.set(record.id, record.manifest);
  const rows: ImageRow[] = [];
  for (const [id, manifest] of manifests) {
    const image = await openIfWhole(store, manifest);
    rows.push({
      id,
      manifest,
      names: [...new Set(names.get(id))].sort(),
      repoDigests: records.get(id)?.repoDigests ?? [],
      created: image?.config.created,
      platform: image === undefined ? undefined : platformOf(image),
      size: image === undefined ? 0 : imageSize(image),
    });
  }
  return rows.sort((a, b) => newestFirst(a.created, b.created) || (a.id < b.id ? -1 : 1));
}

/** Bytes of an image's layers as stored and its config. */
export function imageSize(image: Image): number {
  return image.manifest.layers.reduce((sum, layer) => sum + layer.size, image.manifest.config.size);
}

function newestFirst(a: string | undefined, b: string | undefined): number {
  return (Date.parse(b ?? '') || 0) - (Date.parse(a ?? '') || 0);
}

function platformOf({ config }: Image): Platform {
  const { os, architecture, variant } = config;
  return { os, architecture, variant };
}
