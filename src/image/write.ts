import type { Store } from '../store/types.ts';
import { parseManifest } from '../oci/index.ts';
import { assembleImage } from './assemble.ts';
import type { ImageParts } from './assemble.ts';
import { imageOf } from './image.ts';
import type { Image } from './image.ts';
import { recordImage } from './records.ts';

/**
 * Assembles an image and stores its config, manifest and record. The layers' blobs are the caller's to have stored.
 * Naming it is a step of its own: `tagImage`.
 */
export async function writeImage(store: Store, parts: ImageParts): Promise<Image> {
  const image = await storeImage(store, parts);
  await recordImage(store, { id: image.id, manifest: image.descriptor });
  return image;
}

/** As `writeImage`, without the record: it is gone with the next collection unless `keepImage` follows. */
export async function storeImage(store: Store, parts: ImageParts): Promise<Image> {
  const { id, rawConfig, rawManifest, descriptor } = assembleImage(parts);
  const image = imageOf(store, {
    descriptor,
    manifest: parseManifest(rawManifest),
    rawManifest,
    rawConfig,
  });
  await store.blobs.put(rawConfig, { digest: id, size: rawConfig.byteLength });
  await store.blobs.put(rawManifest, { digest: descriptor.digest, size: descriptor.size });
  return image;
}
