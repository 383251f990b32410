import { canonicalJson, digestOf, type Digest, type JsonObject } from '../core/index.ts';
import type { Descriptor } from '../oci/types.ts';
import type { Image } from './image.ts';
import type { SentLayer } from './outgoing.ts';

/** A config, and what the manifest says of it. */
export interface PackedConfig {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** The config over what the layers unpack to as they went: another one only where a layer was made another (eStargz). */
export function packedConfig(image: Image, diffIds: readonly Digest[]): PackedConfig {
  const { rawConfig, manifest } = image;
  if (image.layers.every(({ diffId }, at) => diffId === diffIds[at])) {
    return { descriptor: manifest.config, bytes: rawConfig };
  }
  const config = JSON.parse(Buffer.from(rawConfig).toString('utf8')) as JsonObject;
  const rootfs = { type: 'layers', diff_ids: diffIds };
  const bytes = Buffer.from(canonicalJson({ ...config, rootfs }), 'utf8');
  const descriptor = { ...manifest.config, digest: digestOf(bytes), size: bytes.byteLength };
  return { descriptor, bytes };
}

/** The config of an image while it is sent: which layers go in which form is known only then. */
export class SentConfig {
  readonly #image: Image;
  readonly #diffIds = new Map<Digest, Digest>();

  constructor(image: Image) {
    this.#image = image;
  }

  /** A layer as it is, or may be, sent. */
  note({ descriptor, diffId }: SentLayer): void {
    this.#diffIds.set(descriptor.digest, diffId);
  }

  /** Over the layers of the image, bottom first, as they went. */
  over(sent: readonly Descriptor[]): PackedConfig {
    const diffIds = this.#image.layers.map(
      ({ diffId }, at) => this.#diffIds.get(sent[at]?.digest ?? diffId) ?? diffId,
    );
    return packedConfig(this.#image, diffIds);
  }
}
