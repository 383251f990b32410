import { digestOf, type Digest } from '../core/index.ts';
import type { Descriptor } from '../oci/types.ts';
import type { Store } from '../store/types.ts';
import type { Image } from './image.ts';
import { packLayer } from './outgoing.ts';
import { layerPacking, packedManifest, packingOf, type PackingOptions } from './packing.ts';

/** An image in the form in which it leaves for a place that takes all of it. */
export interface PackedImage {
  readonly image: Image;
  readonly descriptor: Descriptor;
  readonly rawManifest: Uint8Array;
  /** Bottom first; one that is there twice is the same object. */
  readonly layers: readonly PackedImageLayer[];
}

export interface PackedImageLayer {
  readonly descriptor: Descriptor;
  open(): Promise<AsyncIterable<Uint8Array>>;
}

/** Packs what must be packed into the folder, which must stand as long as the result is read. Throws as reading layers does. */
export async function packImage(
  store: Store,
  image: Image,
  { folder, ...options }: PackingOptions & { readonly folder: string },
): Promise<PackedImage> {
  const packing = await packingOf(store, image, options);
  const done = new Map<Digest, PackedImageLayer>();
  for (const layer of image.layers) {
    if (done.has(layer.diffId)) continue;
    const form = layerPacking(layer, packing);
    if (form === undefined) {
      done.set(layer.diffId, { descriptor: layer.descriptor, open: () => layer.openCompressed() });
      continue;
    }
    const { descriptor, source } = await packLayer(store, layer, { form, folder });
    done.set(layer.diffId, { descriptor, open: async () => source.read(0, descriptor.size) });
  }
  const layers = image.layers.flatMap(({ diffId }) => done.get(diffId) ?? []);
  const { bytes, mediaType } = packedManifest(
    image,
    layers.map(({ descriptor }) => descriptor),
    packing,
  );
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  return { image, descriptor, rawManifest: bytes, layers };
}
