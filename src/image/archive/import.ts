import { createReadStream } from 'node:fs';

import { fromErrno } from '../../core/index.ts';
import { formatReference, hostPlatform, mediaTypes, parseReference } from '../../oci/index.ts';
import type { ContainerDefaults, Platform } from '../../oci/index.ts';
import type { Store } from '../../store/types.ts';
import { decompress, isTarHead, peek, readTar } from '../../tar/index.ts';
import type { ForeignDecompressor } from '../../tar/index.ts';
import type { Image } from '../image.ts';
import { bounded } from '../layer.ts';
import { writeImage } from '../write.ts';
import { invalid } from './members.ts';

export interface ImportOptions {
  readonly name?: string | undefined;
  readonly config?: ContainerDefaults | undefined;
  readonly platform?: Platform | undefined;
  /** RFC 3339; now unless told. */
  readonly created?: string | undefined;
  /** Of the history entry. */
  readonly message?: string | undefined;
  readonly foreign?: ForeignDecompressor | undefined;
}

/**
 * `docker import`: the tar of a root file system as an image of one layer. The tar, unpacked if it was compressed, is the
 * layer byte for byte, after it has been read through and found whole. Throws ARCHIVE_INVALID, ARCHIVE_LIMIT.
 */
export async function importTarball(
  store: Store,
  source: AsyncIterable<Uint8Array> | string,
  options: ImportOptions = {},
): Promise<Image> {
  const reference = options.name === undefined ? undefined : parseReference(options.name);
  const file = typeof source === 'string' ? source : undefined;
  const bytes = typeof source === 'string' ? createReadStream(source) : source;
  await using _lease = await store.lease();
  try {
    const plain = await peek((await decompress(bytes, options.foreign)).bytes);
    if (!isTarHead(plain.head) && !plain.head.every((byte) => byte === 0)) {
      await plain.bytes[Symbol.asyncIterator]().return?.();
      throw invalid('it is no tar', 'expected the tar of a root file system, plain or compressed');
    }
    const layer = await store.blobs.put(bounded(plain.bytes));
    await readThrough(await store.blobs.open(layer.digest));
    const created = options.created ?? new Date().toISOString();
    const image = await writeImage(store, {
      platform: options.platform ?? hostPlatform(),
      config: options.config ?? {},
      created,
      history: [{ created, comment: options.message ?? `Imported from ${file ?? '-'}` }],
      layers: [{ diffId: layer.digest, descriptor: { mediaType: mediaTypes.layer, ...layer } }],
    });
    if (reference !== undefined) {
      await store.refs.set({ name: formatReference(reference), target: image.descriptor });
    }
    return image;
  } catch (error) {
    throw fromErrno(error, `importing ${file ?? 'a tar'}`);
  }
}

/** Throws when the tar is damaged or cut off; what was stored of it is left to the store's collector. */
async function readThrough(tar: AsyncIterable<Uint8Array>): Promise<void> {
  const entries = readTar(tar);
  while ((await entries.next()).done !== true);
}
