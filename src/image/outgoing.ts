import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod/mini';

import { digestParts, isDigest, TsbuildError, type Digest } from '../core/index.ts';
import type { Descriptor } from '../oci/types.ts';
import type { BlobSource, EarlyBytes } from '../registry/index.ts';
import type { Store } from '../store/types.ts';
import { createAsideDigester } from '../sys/index.ts';
import { compress } from '../tar/index.ts';
import type { LayerParts } from './assemble.ts';
import { layerChunks, openLayer } from './layer.ts';
import { layerMediaType } from './media.ts';

/** How layers are sent; `level` as the format counts, tsbuild's choice unless told. */
export interface LayerForm {
  readonly compression: 'gzip' | 'zstd' | 'none';
  readonly level?: number | undefined;
}

const knownSchema = z.object({ digest: z.string(), size: z.number() });

/** Key of the record: what was packed, and how. Other bytes of a later zlib are no harm: they unpack to the same. */
function keyOf(diffId: Digest, { compression, level }: LayerForm): string {
  const { algorithm, hex } = digestParts(diffId);
  return `${algorithm}-${hex}.${compression}${level === undefined ? '' : `.${level}`}`;
}

/** What the layer's compressed form was when it was last made. */
export async function knownForm(
  store: Store,
  diffId: Digest,
  form: LayerForm,
): Promise<Descriptor | undefined> {
  const found = knownSchema.safeParse(await store.records.get('distribution', keyOf(diffId, form)));
  if (!found.success || !isDigest(found.data.digest)) return undefined;
  const { digest, size } = found.data;
  return { mediaType: layerMediaType(form.compression), digest, size };
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
): Promise<{ readonly descriptor: Descriptor; readonly source: BlobSource }> {
  const { compression, level } = form;
  const key = keyOf(layer.diffId, form);
  const path = join(folder, key);
  const digester = createAsideDigester();
  let size = 0;
  // Packing copies every chunk before it asks for the next one; writing does not.
  const packed =
    compression === 'none'
      ? await openLayer(store, layer)
      : compress(layerChunks(store, layer), { compression, level });
  const measured = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const bytes of packed as AsyncIterable<Uint8Array>) {
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
  await store.records.put('distribution', key, { digest, size });
  const descriptor = { mediaType: layerMediaType(compression), digest, size };
  return { descriptor, source: fileBlob(path, descriptor) };
}
