import { digestOf, TsbuildError, type Digest } from '../core/index.ts';
import type { Descriptor } from '../oci/types.ts';
import type { Store } from '../store/types.ts';
import type { Image } from './image.ts';
import { readIndex, repackedIndex } from './index-image.ts';
import { packLayer } from './outgoing.ts';
import { packedConfig, type PackedConfig } from './packed-config.ts';
import { layerPacking, packedManifest, packingOf, type PackingOptions } from './packing.ts';

/** An image in the form in which it leaves for a place that takes all of it. */
export interface PackedImage {
  readonly image: Image;
  readonly descriptor: Descriptor;
  readonly rawManifest: Uint8Array;
  readonly config: PackedConfig;
  /** Bottom first; one that is there twice is the same object. */
  readonly layers: readonly PackedImageLayer[];
}

export interface PackedImageLayer {
  readonly descriptor: Descriptor;
  /** Digest of what it unpacks to. */
  readonly diffId: Digest;
  open(): Promise<AsyncIterable<Uint8Array>>;
}

export interface PackImageOptions extends PackingOptions {
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
}

/** Packs what must be packed into the folder, which must stand as long as the result is read. Throws as reading layers does. */
export async function packImage(
  store: Store,
  image: Image,
  { folder, signal, ...options }: PackImageOptions,
): Promise<PackedImage> {
  const packing = await packingOf(store, image, options);
  const done = new Map<Digest, PackedImageLayer>();
  for (const layer of image.layers) {
    if (done.has(layer.diffId)) continue;
    const form = layerPacking(layer, packing);
    if (form === undefined) {
      const { descriptor, diffId } = layer;
      done.set(diffId, { descriptor, diffId, open: () => layer.openCompressed() });
      continue;
    }
    const { descriptor, diffId, source } = await packLayer(store, layer, { form, folder, signal });
    done.set(layer.diffId, { descriptor, diffId, open: async () => source.read(0, descriptor.size) });
  }
  const layers = image.layers.flatMap(({ diffId }) => done.get(diffId) ?? []);
  const config = packedConfig(
    image,
    layers.map(({ diffId }) => diffId),
  );
  const { bytes, mediaType } = packedManifest(
    image,
    layers.map(({ descriptor }) => descriptor),
    { packing, config: config.descriptor },
  );
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  return { image, descriptor, rawManifest: bytes, config, layers };
}

/** An index over images as they leave. */
export interface PackedIndex {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** The index of the store over these of its images: byte for byte where they go as they are. Throws BLOB_NOT_FOUND. */
export async function packIndex(
  store: Store,
  index: Descriptor,
  images: readonly PackedImage[],
): Promise<PackedIndex> {
  const stored = await readIndex(store, index);
  if (stored === undefined) throw new TsbuildError('BLOB_NOT_FOUND', `the index ${index.digest} is missing`);
  const packed = new Map(images.map((each) => [each.image.descriptor.digest, each.descriptor]));
  const manifests = stored.index.manifests.map((entry) => ({ ...entry, ...packed.get(entry.digest) }));
  return repackedIndex(stored.index, manifests) ?? { descriptor: stored.descriptor, bytes: stored.raw };
}
