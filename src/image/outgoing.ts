import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod/mini';

import { digestParts, isDigest, TsbuildError, type Digest } from '../core/index.ts';
import type { Descriptor } from '../oci/types.ts';
import type { BlobSource, EarlyBytes } from '../registry/index.ts';
import { packSeekable, type SeekableFacts, type SeekableKind } from '../seekable/index.ts';
import type { Store } from '../store/types.ts';
import { createAsideDigester } from '../sys/index.ts';
import { compress } from '../tar/index.ts';
import type { LayerParts } from './assemble.ts';
import { layerChunks, openLayer } from './layer.ts';
import { layerMediaType, type LayerCompression } from './media.ts';

/** How layers are sent; `level` as the format counts, tsbuild's choice unless told. */
export interface LayerForm {
  readonly compression: LayerCompression | SeekableKind;
  readonly level?: number | undefined;
}

const knownSchema = z.object({
  digest: z.string(),
  size: z.number(),
  annotations: z.optional(z.record(z.string(), z.string())),
  diffId: z.optional(z.string()),
});

/** A layer as it is sent. */
export interface SentLayer {
  readonly descriptor: Descriptor;
  /** Digest of what it unpacks to. */
  readonly diffId: Digest;
}

/** Key of the record: what was packed, and how. Other bytes of a later zlib are no harm: they unpack to the same. */
function keyOf(diffId: Digest, { compression, level }: LayerForm): string {
  const { algorithm, hex } = digestParts(diffId);
  const kind = compression.replace(':', '-');
  return `${algorithm}-${hex}.${kind}${level === undefined ? '' : `.${level}`}`;
}

/** What the layer's compressed form was when it was last made. */
export async function knownForm(
  store: Store,
  diffId: Digest,
  form: LayerForm,
): Promise<SentLayer | undefined> {
  const found = knownSchema.safeParse(await store.records.get('distribution', keyOf(diffId, form)));
  if (!found.success || !isDigest(found.data.digest)) return undefined;
  const { digest, size, annotations, diffId: own = diffId } = found.data;
  if (!isDigest(own)) return undefined;
  return { descriptor: descriptorOf(form, { digest, size, annotations }), diffId: own };
}

function descriptorOf(
  { compression }: LayerForm,
  { annotations, ...blob }: Pick<Descriptor, 'digest' | 'size' | 'annotations'>,
): Descriptor {
  const isAnnotated = annotations !== undefined && Object.keys(annotations).length > 0;
  return { mediaType: packedMediaType(compression), ...blob, ...(isAnnotated ? { annotations } : {}) };
}

function packedMediaType(compression: LayerForm['compression']): string {
  switch (compression) {
    case 'estargz':
      return layerMediaType('gzip');
    case 'zstd:chunked':
      return layerMediaType('zstd');
    case 'gzip':
    case 'zstd':
    case 'none':
      return layerMediaType(compression);
  }
}

/** Notes what the layer's compressed form is elsewhere, so that it need not be made to ask for it. */
export async function rememberForm(
  store: Store,
  diffId: Digest,
  { form, digest, size }: { readonly form: LayerForm; readonly digest: Digest; readonly size: number },
): Promise<void> {
  await store.records.put('distribution', keyOf(diffId, form), { digest, size });
}

/** A blob of the store as it is. */
export function storedBlob(store: Store, { digest, size }: Pick<Descriptor, 'digest' | 'size'>): BlobSource {
  return fileBlob(store.blobs.path(digest), { digest, size });
}

/** The registry verifies the digest of what arrives, so that damage on this disk does not go unseen. */
function fileBlob(path: string, { digest, size }: { digest: Digest; size: number }): BlobSource {
  return {
    digest,
    size,
    read: (start, end) =>
      start >= end
        ? Readable.from([])
        : createReadStream(path, { start, end: end - 1, highWaterMark: 256 * 1024 }),
  };
}

/** A blob of bytes at hand. */
export function blobOfBytes(digest: Digest, bytes: Uint8Array): BlobSource {
  return {
    digest,
    size: bytes.byteLength,
    read: (start, end) => Readable.from([bytes.subarray(start, end)]),
  };
}

export interface PackLayerOptions {
  readonly form: LayerForm;
  /** Takes the file. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
  /** Gets all packed bytes as they come. */
  readonly early?: EarlyBytes | undefined;
}

/** Writes the layer's tar, packed, into the folder, and remembers what came out. Throws INTERRUPTED between two chunks. */
export async function packLayer(
  store: Store,
  layer: LayerParts,
  { form, folder, signal, early }: PackLayerOptions,
): Promise<SentLayer & { readonly source: BlobSource }> {
  const key = keyOf(layer.diffId, form);
  const path = join(folder, key);
  const digester = createAsideDigester();
  let size = 0;
  // Packing copies every chunk before it asks for the next one; writing does not.
  const { bytes: packed, facts } = await packedBytes(store, layer, form);
  const measured = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const bytes of packed) {
      if (signal?.aborted === true) {
        throw new TsbuildError('INTERRUPTED', 'interrupted', { cause: signal.reason });
      }
      size += bytes.byteLength;
      // Both read what nobody changes.
      await Promise.all([digester.update(bytes), early?.write(bytes)]);
      yield bytes;
    }
  };
  await pipeline(measured(), createWriteStream(path, { mode: 0o600 }));
  const digest = digester.digest();
  const { annotations, diffId } = facts();
  await store.records.put('distribution', key, { digest, size, annotations, diffId });
  const descriptor = descriptorOf(form, { digest, size, annotations });
  return { descriptor, diffId: diffId ?? layer.diffId, source: fileBlob(path, descriptor) };
}

async function packedBytes(
  store: Store,
  layer: LayerParts,
  { compression, level }: LayerForm,
): Promise<{ readonly bytes: AsyncIterable<Uint8Array>; readonly facts: () => Partial<SeekableFacts> }> {
  const facts = (): Partial<SeekableFacts> => ({});
  switch (compression) {
    case 'none':
      return { bytes: await openLayer(store, layer), facts };
    case 'gzip':
    case 'zstd':
      return { bytes: compress(layerChunks(store, layer), { compression, level }), facts };
    case 'estargz':
    case 'zstd:chunked':
      return packSeekable(layerChunks(store, layer), { kind: compression, level });
  }
}
