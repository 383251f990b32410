import { isDigest, isJsonObject, type Digest, type Json } from '../core/index.ts';
import { mediaTypes } from '../oci/index.ts';
import type { ImageServices } from './image.ts';
import type { LayerState } from './types.ts';

/** A plain layer that was made of others. */
export interface MadeLayer {
  readonly diffId: Digest;
  /** Bytes. */
  readonly size: number;
}

/** The layer that was made under this key before, if the store has it still; else it is made now. */
export async function rememberedLayer(
  { store, lease }: Pick<ImageServices, 'store' | 'lease'>,
  key: string,
  make: () => Promise<MadeLayer>,
): Promise<Pick<LayerState, 'diffId' | 'descriptor'>> {
  const known = madeLayerOf(await store.records.get('distribution', key));
  if (known !== undefined) {
    await lease.keep({ blob: known.diffId });
    if ((await store.blobs.stat(known.diffId))?.size === known.size) return plainLayer(known);
  }
  const { diffId, size } = await make();
  await store.records.put('distribution', key, { digest: diffId, size });
  return plainLayer({ diffId, size });
}

function madeLayerOf(record: Json | undefined): MadeLayer | undefined {
  if (!isJsonObject(record)) return undefined;
  const { digest, size } = record;
  if (typeof digest !== 'string' || !isDigest(digest) || typeof size !== 'number') return undefined;
  return { diffId: digest, size };
}

function plainLayer({ diffId, size }: MadeLayer): Pick<LayerState, 'diffId' | 'descriptor'> {
  return { diffId, descriptor: { mediaType: mediaTypes.layer, digest: diffId, size } };
}
