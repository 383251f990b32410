import { isDigest, isJsonArray, isJsonObject, type Json } from '../core/index.ts';
import { isSnapshotId, type Snapshot } from '../snapshot/index.ts';
import type { LayerState, SettledState } from './types.ts';

/** A state as a cache record keeps it. */
export function settledToJson(settled: SettledState): Json {
  return {
    chain: settled.snapshot === undefined ? null : settled.snapshot.chain,
    layers: settled.layers.map((layer) => ({
      diffId: layer.diffId,
      mediaType: layer.descriptor.mediaType,
      digest: layer.descriptor.digest,
      size: layer.descriptor.size,
      created: layer.created,
    })),
    contentDigest: settled.contentDigest,
  };
}

/** Undefined for anything that is not what `settledToJson` writes: a damaged record is a miss. */
export function settledFromJson(value: Json | undefined): SettledState | undefined {
  if (!isJsonObject(value)) return undefined;
  const { chain, layers, contentDigest } = value;
  if (typeof contentDigest !== 'string' || !isDigest(contentDigest) || !isJsonArray(layers)) return undefined;
  const parsed = layers.map(layerFromJson).filter((layer) => layer !== undefined);
  if (parsed.length !== layers.length) return undefined;
  if (chain === null) return { snapshot: undefined, layers: parsed, contentDigest };
  const snapshot = snapshotFromJson(chain);
  return snapshot === undefined ? undefined : { snapshot, layers: parsed, contentDigest };
}

/** The state of a cache record. */
export function recordState(record: Json | undefined): SettledState | undefined {
  return isJsonObject(record) ? settledFromJson(record['result']) : undefined;
}

/** The ids are checked: they become folder names. */
export function snapshotFromJson(chain: Json | undefined): Snapshot | undefined {
  if (!isJsonArray(chain)) return undefined;
  const ids = chain.filter((id) => typeof id === 'string').filter(isSnapshotId);
  const id = ids.at(-1);
  return id === undefined || ids.length !== chain.length ? undefined : { id, chain: ids };
}

function layerFromJson(value: Json): LayerState | undefined {
  if (!isJsonObject(value)) return undefined;
  const { diffId, mediaType, digest, size, created } = value;
  if (typeof diffId !== 'string' || !isDigest(diffId) || typeof digest !== 'string' || !isDigest(digest))
    return undefined;
  if (typeof mediaType !== 'string' || typeof size !== 'number') return undefined;
  return {
    diffId,
    descriptor: { mediaType, digest, size },
    created: typeof created === 'string' ? created : undefined,
  };
}
