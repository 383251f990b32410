import * as z from 'zod/mini';

import {
  canonicalJson,
  digestOf,
  isDigest,
  TsbuildError,
  type Digest,
  type Json,
  type JsonObject,
} from '../core/index.ts';
import { parseBoundedJson } from '../oci/index.ts';
import { mediaTypes, type Descriptor, type Manifest } from '../oci/types.ts';
import type { InputKey } from '../solver/index.ts';
import type { CachedLayer, CachePart, ForeignRecord } from './types.ts';

/** The config of a cache's manifest. The manifest is an image's in all else, which every registry takes. */
export const cacheConfigType = 'application/vnd.tsbuild.cache.config.v1+json';

/** Beyond this a cache is not read, and nothing is written that would not be read. */
export const maxCacheBytes = 16 * 2 ** 20;
export const maxParts = 64;
export const maxRecords = 5000;
const maxLayersOfResult = 512;

const text = z.string().check(z.maxLength(4096));
const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), {
  error: 'not a digest',
});
const index = z.int().check(z.minimum(0));
export const inputKeySchema: z.ZodMiniType<InputKey> = z.pipe(
  z.object({ selector: z.optional(z.string().check(z.maxLength(65_536))), digest }),
  z.transform(({ selector, digest: of }): InputKey => ({ selector, digest: of })),
);
export const inputKeysSchema = z.array(inputKeySchema).check(z.maxLength(1000));
export const contentsSchema = z.array(inputKeysSchema).check(z.maxLength(8));
const json = z.custom<Json>(() => true);

const recordSchema = z.object({
  key: digest,
  partsDigest: digest,
  parts: z.optional(z.record(z.string(), json)),
  inputs: inputKeysSchema,
  contents: contentsSchema,
  identity: text,
  created: text,
  layers: z.array(index).check(z.maxLength(maxLayersOfResult)),
});

/**
 * The config of a cache. `layers` of a record are places in the table `layers` of the document, `blob` of an entry there is
 * the place of its bytes among the layers of the manifest: what names content by digest is the manifest alone, so that
 * registries keep it.
 */
const documentSchema = z.object({
  version: z.literal(1),
  layers: z
    .array(z.object({ diffId: digest, created: z.optional(text), blob: z.optional(index) }))
    .check(z.maxLength(20_000)),
  parts: z
    .array(
      z.object({
        scope: text,
        platform: text,
        exported: text,
        records: z.array(recordSchema).check(z.maxLength(maxRecords)),
      }),
    )
    .check(z.maxLength(maxParts)),
});

/** What a cache is put into a registry or a layout as. */
export interface EncodedCache {
  readonly config: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
  readonly manifest: { readonly bytes: Uint8Array; readonly mediaType: string };
  /** Each once. */
  readonly blobs: readonly Descriptor[];
}

/** Whether a record alone is within what is read again. */
export function isWritable(record: ForeignRecord): boolean {
  return recordSchema.safeParse(recordJson(record, (): number => 0)).success;
}

function recordJson(record: ForeignRecord, place: (layer: CachedLayer) => number): JsonObject {
  return {
    key: record.key,
    partsDigest: record.partsDigest,
    parts: record.parts,
    inputs: record.inputKeys.map(inputJson),
    contents: record.contents.map((inputs) => inputs.map(inputJson)),
    identity: record.identity,
    created: record.created,
    layers: record.layers.map(place),
  };
}

/** The same parts give the same bytes. `annotations` are the manifest's. */
export function encodeCache(
  parts: readonly CachePart[],
  annotations?: Readonly<Record<string, string>>,
): EncodedCache {
  const blobs = new Table<Descriptor>(({ digest: of }) => of);
  const layers = new Table<CachedLayer>(({ diffId, created, blob }) =>
    canonicalJson([diffId, created ?? null, blob?.digest ?? null]),
  );
  const encoded = parts.map(({ scope, platform, exported, records }) => ({
    ...{ scope, platform, exported },
    records: records.map((record) => recordJson(record, (layer) => layers.place(layer))),
  }));
  const table = layers.rows.map(({ diffId, created, blob }) => ({
    ...{ diffId, created },
    blob: blob === undefined ? undefined : blobs.place(blob),
  }));
  const bytes = Buffer.from(canonicalJson({ version: 1, layers: table, parts: encoded }));
  const descriptor = { mediaType: cacheConfigType, digest: digestOf(bytes), size: bytes.byteLength };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { ...descriptor },
    layers: blobs.rows.map(({ mediaType, digest: of, size }) => ({ mediaType, digest: of, size })),
    ...(annotations === undefined ? {} : { annotations }),
  };
  return {
    config: { descriptor, bytes },
    manifest: { bytes: Buffer.from(canonicalJson(manifest)), mediaType: mediaTypes.manifest },
    blobs: blobs.rows,
  };
}

/** What a manifest and its config say, in bounds; whether the records are true is not looked at. Throws IMAGE_INVALID. */
export function decodeCache(manifest: Manifest, config: Uint8Array): readonly CachePart[] {
  const what = 'the cache';
  const parsed = documentSchema.safeParse(parseBoundedJson(config, { what, limit: maxCacheBytes }));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = issue?.path.map(String).join('.').slice(0, 200) ?? '';
    throw new TsbuildError('IMAGE_INVALID', `the cache is malformed at ${at}: ${issue?.message ?? ''}`, {
      hint: 'it may be of another version of tsbuild',
    });
  }
  const { layers, parts } = parsed.data;
  const table = layers.map(({ diffId, created, blob }): CachedLayer => ({
    ...{ diffId, created },
    blob: blob === undefined ? undefined : at(manifest.layers, blob),
  }));
  return parts.map(({ records, ...part }) => ({
    ...part,
    records: records.map(({ inputs, parts: own, layers: places, ...record }) => ({
      ...record,
      parts: own,
      inputKeys: inputs,
      layers: places.map((place) => at(table, place)),
    })),
  }));
}

function at<T>(list: readonly T[], place: number): T {
  const found = list[place];
  if (found !== undefined) return found;
  throw new TsbuildError('IMAGE_INVALID', `the cache names a layer ${place} that it does not have`);
}

function inputJson({ selector, digest: of }: InputKey): Json {
  return { selector, digest: of };
}

/** Rows in the order in which they were first named. */
class Table<T> {
  readonly rows: T[] = [];
  readonly #places = new Map<string, number>();
  readonly #keyOf: (row: T) => string;

  constructor(keyOf: (row: T) => string) {
    this.#keyOf = keyOf;
  }

  place(row: T): number {
    const key = this.#keyOf(row);
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const next = this.rows.push(row) - 1;
    this.#places.set(key, next);
    return next;
  }
}
