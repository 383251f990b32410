import { canonicalJson, type Digest, type Json } from '../core/index.ts';
import {
  chainContent,
  type LayerState,
  type SettledState,
  type State,
  type StoreCache,
} from '../ops/index.ts';
import type { CacheRecord, InputKey, KeyParts } from '../solver/index.ts';
import type { ForeignCaches } from './foreign.ts';
import type { CacheSource } from './source.ts';
import type { CachedLayer, ForeignRecord } from './types.ts';

/** A layer on its way into a cache: where its bytes are. */
export type LayerPlace =
  | { readonly kind: 'store'; readonly layer: LayerState }
  | { readonly kind: 'source'; readonly layer: CachedLayer; readonly source: CacheSource };

/** What a build has to give to caches. */
export interface Harvest {
  /** Blobs are not told yet: how they look depends on where they go. */
  readonly records: readonly ForeignRecord[];
  /** By diff id, of all that the steps made. */
  readonly places: ReadonlyMap<Digest, LayerPlace>;
}

/** Steps that make layers. Bases are found by whoever names them, and trees without layers are made anew. */
const kept: ReadonlySet<unknown> = new Set(['run', 'copy', 'workdir', 'merge']);

/** A record that goes from cache to cache must not grow. */
const maxContents = 4;

/** Of larger parts only the digest is kept: what is left out explains nothing, and answers as well. */
const maxPartsLength = 64 * 1024;

export interface HarvestOptions {
  readonly own: StoreCache;
  readonly foreign: ForeignCaches;
  /** Definition keys of all steps. */
  readonly keys: Iterable<Digest>;
}

type RecordLookup = StoreCache['record'];

/** All that the store, or else a source of this build, has of the steps. */
export async function harvest({ own, foreign, keys }: HarvestOptions): Promise<Harvest> {
  const records: ForeignRecord[] = [];
  const places = new Map<Digest, LayerPlace>();
  const known = new Map<Digest, ReturnType<RecordLookup>>();
  const recordOf: RecordLookup = (key) => {
    const found = known.get(key) ?? own.record(key);
    known.set(key, found);
    return found;
  };
  for (const key of keys) {
    const record = await recordOf(key);
    if (record !== undefined) {
      if (!kept.has(record.parts['op'])) continue;
      const { layers } = await record.result.settled;
      for (const layer of layers)
        if (layer.created !== undefined) places.set(layer.diffId, { kind: 'store', layer });
      const { parts, partsDigest, inputKeys, identity, created } = record;
      records.push({
        ...{ key, partsDigest, inputKeys, identity, created },
        contents: await contentsOf(record, recordOf),
        parts: bounded(parts),
        layers: layers.map((layer) => ({ ...timeOf(layer), blob: undefined })),
      });
      continue;
    }
    // A step that nothing asked for, since what stands on it was found: its layers stayed where they are.
    const [found] = await foreign.find(key);
    if (found === undefined) continue;
    const { record: theirs, source } = found;
    for (const layer of theirs.layers) {
      if (layer.created === undefined || places.get(layer.diffId)?.kind === 'store') continue;
      places.set(layer.diffId, { kind: 'source', layer, source });
    }
    records.push({ ...theirs, layers: theirs.layers.map((layer) => ({ ...layer, blob: undefined })) });
  }
  return { records, places };
}

/**
 * A state that was made here is known by what its steps changed, one that was imported by its layers: who imports the state
 * that a step stands on asks for the step by those.
 */
async function contentsOf(
  { contents = [], inputKeys }: CacheRecord<State>,
  recordOf: RecordLookup,
): Promise<ForeignRecord['contents']> {
  const chains = new Map<Digest, Digest>();
  for (const { digest } of inputKeys) {
    const input = await (await recordOf(digest))?.result.settled;
    if (input !== undefined) chains.set(input.contentDigest, chainContent(input.layers));
  }
  const byChain = contents.map((inputs) =>
    inputs.map(({ selector, digest }) => ({ selector, digest: chains.get(digest) ?? digest })),
  );
  const distinct = new Map(
    [...contents, ...byChain].map((inputs) => [canonicalJson(inputs.map(asJson)), inputs]),
  );
  return [...distinct.values()].slice(0, maxContents);
}

/** `min`: the results whose layers the image has. */
export function within({ records, places }: Harvest, { layers }: SettledState): Harvest {
  const mine = records.filter(
    (record) =>
      record.layers.length <= layers.length &&
      record.layers.every(({ diffId }, index) => diffId === layers[index]?.diffId),
  );
  const used = new Set(mine.flatMap((record) => record.layers.map(({ diffId }) => diffId)));
  return { records: mine, places: new Map([...places].filter(([diffId]) => used.has(diffId))) };
}

/** The records with the blobs that the layers were stored as. */
export function withBlobs(
  records: readonly ForeignRecord[],
  blobs: ReadonlyMap<Digest, CachedLayer['blob']>,
): readonly ForeignRecord[] {
  return records.map((record) => ({
    ...record,
    layers: record.layers.map((layer) => ({
      ...layer,
      blob: layer.created === undefined ? undefined : blobs.get(layer.diffId),
    })),
  }));
}

/** Whether two lists of records say the same of the same steps, wherever the bytes are. */
export function sameRecords(one: readonly ForeignRecord[], other: readonly ForeignRecord[]): boolean {
  const text = (records: readonly ForeignRecord[]): string =>
    canonicalJson(
      records.map(({ key, contents, layers }) => [
        key,
        contents.map((inputs) => inputs.map(({ digest }) => digest)),
        layers.map(({ diffId, created }) => [diffId, created ?? null]),
      ]),
    );
  return one.length === other.length && text(one) === text(other);
}

function timeOf({ diffId, created }: LayerState): Pick<CachedLayer, 'diffId' | 'created'> {
  return { diffId, created };
}

function asJson({ selector, digest }: InputKey): Json {
  return { selector, digest };
}

function bounded(parts: KeyParts): KeyParts | undefined {
  return canonicalJson(parts).length > maxPartsLength ? undefined : parts;
}
