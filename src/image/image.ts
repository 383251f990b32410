import type { Readable } from 'node:stream';

import { TsbuildError } from '../core/index.ts';
import type { Digest } from '../core/index.ts';
import { maxConfigBytes, maxManifestBytes, parseImageConfig, parseManifest } from '../oci/index.ts';
import type { Descriptor, ImageConfig, Manifest } from '../oci/types.ts';
import type { Store } from '../store/types.ts';
import { openLayer } from './layer.ts';

export interface Layer {
  /** Digest of the plain tar. */
  readonly diffId: Digest;
  /** The bytes as stored, plain or compressed. */
  readonly descriptor: Descriptor;
  /** The plain tar; the stream fails with DIGEST_MISMATCH at its end when it is not what `diffId` names. */
  open(): Promise<Readable>;
  /** The bytes that `descriptor` names, verified likewise. */
  openCompressed(): Promise<Readable>;
}

/** An immutable view of an image in a store. Parsed and raw forms stand side by side, since digests are of raw bytes. */
export interface Image {
  /** Digest of the config: what "the same image" means (design decision 3). */
  readonly id: Digest;
  /** Digest of the manifest. */
  readonly digest: Digest;
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly rawManifest: Uint8Array;
  readonly rawConfig: Uint8Array;
  /** Bottom first. */
  readonly layers: readonly Layer[];
}

/** The image whose manifest is in the store. Throws BLOB_NOT_FOUND, DIGEST_MISMATCH, IMAGE_INVALID. */
export async function openImage(store: Store, descriptor: Descriptor): Promise<Image> {
  const rawManifest = await store.blobs.read(descriptor.digest, maxManifestBytes);
  const manifest = parseManifest(rawManifest, descriptor.mediaType);
  const rawConfig = await store.blobs.read(manifest.config.digest, maxConfigBytes);
  return imageOf(store, { descriptor, manifest, rawManifest, rawConfig });
}

/** As `openImage`; undefined when a part of the image has vanished or is damaged. */
export async function openIfWhole(store: Store, descriptor: Descriptor): Promise<Image | undefined> {
  try {
    return await openImage(store, descriptor);
  } catch (error) {
    if (error instanceof TsbuildError) return undefined;
    throw error;
  }
}

/** The image of bytes at hand; its layers are read from the store. Throws IMAGE_INVALID when they do not fit together. */
export function imageOf(
  store: Store,
  parts: Pick<Image, 'descriptor' | 'manifest' | 'rawManifest' | 'rawConfig'>,
): Image {
  const { descriptor, manifest } = parts;
  const config = parseImageConfig(parts.rawConfig);
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new TsbuildError(
      'IMAGE_INVALID',
      `the manifest ${descriptor.digest} has ${manifest.layers.length} layers, its config ${diffIds.length}`,
    );
  }
  const layers = manifest.layers.map((layer, index): Layer => {
    const diffId = diffIds[index] as Digest;
    return {
      diffId,
      descriptor: layer,
      open: () => openLayer(store, { diffId, descriptor: layer }),
      openCompressed: () => store.blobs.open(layer.digest),
    };
  });
  return { ...parts, id: manifest.config.digest, digest: descriptor.digest, config, layers };
}
