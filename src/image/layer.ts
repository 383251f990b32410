import { Readable } from 'node:stream';

import { createDigester, digestParts, TsbuildError } from '../core/index.ts';
import type { Digest } from '../core/index.ts';
import type { Store } from '../store/types.ts';
import { decompress, defaultTarLimits } from '../tar/index.ts';
import type { LayerParts } from './assemble.ts';

/**
 * The plain tar of a layer: the blob of that digest where the store has it, else the stored bytes unpacked. How they
 * are packed is read from them, since registries carry layers whose media type says another compression than they have.
 */
export async function openLayer(store: Store, layer: LayerParts): Promise<Readable> {
  const plain = await store.blobs.stat(layer.diffId);
  if (plain !== undefined) return store.blobs.open(layer.diffId);
  const { bytes } = await decompress(await store.blobs.open(layer.descriptor.digest));
  return Readable.from(expectDiffId(bytes, layer.diffId), { objectMode: false });
}

/** As `openLayer`, for who unpacks it and so sees the diff id himself: bytes that no image promises come as well. */
export async function openUnchecked(store: Store, layer: LayerParts): Promise<AsyncIterable<Uint8Array>> {
  const plain = await store.blobs.stat(layer.diffId);
  if (plain !== undefined) return store.blobs.open(layer.diffId);
  const { bytes } = await decompress(await store.blobs.open(layer.descriptor.digest));
  return bounded(bytes);
}

/** As `openLayer`, in less memory: a chunk's bytes are good until the next one is asked for. */
export async function* layerChunks(
  store: Store,
  layer: LayerParts,
): AsyncGenerator<Uint8Array, void, undefined> {
  const plain = await store.blobs.stat(layer.diffId);
  yield* plain === undefined ? await openLayer(store, layer) : store.blobs.chunks(layer.diffId);
}

/** Passes the bytes on; fails at their end when they are not what the diff id names (S-58). */
export async function* expectDiffId(
  bytes: AsyncIterable<Uint8Array>,
  diffId: Digest,
): AsyncGenerator<Uint8Array, void, undefined> {
  const digester = createDigester(digestParts(diffId).algorithm);
  for await (const chunk of bounded(bytes)) {
    digester.update(chunk);
    yield chunk;
  }
  const actual = digester.digest();
  if (actual === diffId) return;
  throw new TsbuildError('DIGEST_MISMATCH', `a layer unpacks to ${actual}, its image promises ${diffId}`, {
    hint: 'the image is damaged or was tampered with; pull or load it again',
  });
}

/** Passes the bytes on, and fails before a decompression bomb fills the disk (S-51). */
export async function* bounded(
  bytes: AsyncIterable<Uint8Array>,
  limit: number = defaultTarLimits.bytes,
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.byteLength;
    if (size > limit) throw new TsbuildError('ARCHIVE_LIMIT', `a layer unpacks to more than ${limit} bytes`);
    yield chunk;
  }
}
