import { canonicalJson, type Json } from '../core/index.ts';
import type { Descriptor } from '../oci/types.ts';
import { seekableKindOf } from '../seekable/index.ts';
import type { Store } from '../store/types.ts';
import type { Image, Layer } from './image.ts';
import { compressionOf } from './media.ts';
import type { LayerForm } from './outgoing.ts';
import { manifestAs, mediaTypesOf, type MediaTypeFamily } from './typed-manifest.ts';

export interface PackingOptions {
  /** Every layer goes in this form. Unless told, plain layers go as gzip and all others as they are. */
  readonly form?: LayerForm | undefined;
  /** With `form`: only the plain ones are packed, the others go as they are. */
  readonly plainOnly?: boolean | undefined;
  /** Of manifest, config and layers; `docker` for registries and engines that know no others. */
  readonly mediaTypes?: MediaTypeFamily | undefined;
}

/** How an image leaves. `asIs`: its manifest byte for byte. */
export type Packing =
  | { readonly kind: 'asIs' }
  | {
      readonly kind: 'packed';
      readonly form: LayerForm;
      readonly all: boolean;
      readonly mediaTypes: MediaTypeFamily;
    };

/** What came from a registry goes as it came, unless another form is wanted. */
export async function packingOf(
  store: Store,
  image: Image,
  { form, plainOnly, mediaTypes = 'oci' }: PackingOptions,
): Promise<Packing> {
  const packed = { kind: 'packed', form: form ?? { compression: 'gzip' }, mediaTypes } as const;
  if (form !== undefined) return { ...packed, all: plainOnly !== true };
  const record = await store.images.get(image.id);
  const wasPulled = record?.repoDigests.some((one) => one.endsWith(`@${image.digest}`)) ?? false;
  const hasPlain = image.layers.some(isPlain);
  const isTyped = mediaTypesOf(image.descriptor) === mediaTypes;
  return isTyped && (wasPulled || !hasPlain) ? { kind: 'asIs' } : { ...packed, all: false };
}

/** Whether layers unpack to something else than they were made of: the config must say so, which else goes beside them. */
export function changesDiffIds(packing: Packing): boolean {
  return packing.kind === 'packed' && packing.form.compression === 'estargz';
}

/** The form that a layer must be packed in; undefined when it goes as it is. */
export function layerPacking({ descriptor }: Layer, packing: Packing): LayerForm | undefined {
  if (packing.kind === 'asIs') return undefined;
  const { form, all } = packing;
  const is = compressionOf(descriptor.mediaType);
  // A wish for a level can only be met by packing anew.
  const kind = seekableKindOf(descriptor.annotations) ?? is;
  const isSuch = is === form.compression || kind === form.compression;
  const fits = all ? isSuch && form.level === undefined : is !== 'none';
  return fits || (is === 'none' && form.compression === 'none') ? undefined : form;
}

function isPlain({ descriptor }: Layer): boolean {
  return compressionOf(descriptor.mediaType) === 'none';
}

/** The manifest over config and layers as they went. */
export function packedManifest(
  image: Image,
  layers: readonly Descriptor[],
  { packing, config }: { readonly packing: Packing; readonly config: Descriptor },
): { readonly bytes: Uint8Array; readonly mediaType: string } {
  if (packing.kind === 'asIs') return { bytes: image.rawManifest, mediaType: image.descriptor.mediaType };
  const { manifest, mediaType } = manifestAs({ ...image.manifest, config }, layers, packing.mediaTypes);
  return { bytes: Buffer.from(canonicalJson(manifest as unknown as Json)), mediaType };
}
