import { createReadStream } from 'node:fs';

import { fromErrno, TsbuildError } from '../../core/index.ts';
import type { Digest } from '../../core/index.ts';
import { hostPlatform } from '../../oci/index.ts';
import type { Platform } from '../../oci/index.ts';
import type { Lease, Store } from '../../store/types.ts';
import { decompress, isTarHead, peek } from '../../tar/index.ts';
import type { ForeignDecompressor } from '../../tar/index.ts';
import { openImage } from '../image.ts';
import type { Image } from '../image.ts';
import { recordImage } from '../records.ts';
import { loadDockerImages } from './load-docker.ts';
import type { FoundImage } from './load-docker.ts';
import { loadOciImages } from './load-oci.ts';
import { invalid, notAnImage, readMembers } from './members.ts';
import { createLayerVerifier } from './verify.ts';

export interface LoadOptions {
  /**
   * Which image of an archive for several platforms. Unless told, an index that came with all its images is kept as one,
   * and of others the image for this machine is taken.
   */
  readonly platform?: Platform | undefined;
  /** Reads bzip2 and xz; without it such archives are refused. */
  readonly foreign?: ForeignDecompressor | undefined;
}

export interface LoadedImage {
  /** Of an index, that of its image for this machine, or else its first. */
  readonly id: Digest;
  /** Full names that now point to it; empty when the archive gives it none. */
  readonly names: readonly string[];
  readonly image: Image;
}

/**
 * Loads the images of a docker archive or an OCI archive, plain or compressed, and names them as the archive does. What
 * it is is told from its content. Every digest, size and diff id is checked before an image is recorded.
 * Throws ARCHIVE_INVALID, ARCHIVE_LIMIT, DIGEST_MISMATCH.
 */
export async function loadArchive(
  store: Store,
  source: AsyncIterable<Uint8Array> | string,
  options: LoadOptions = {},
): Promise<readonly LoadedImage[]> {
  await using lease = await store.lease();
  const bytes = typeof source === 'string' ? createReadStream(source) : source;
  try {
    const found = await findImages(store, lease, { bytes, options });
    const loaded: LoadedImage[] = [];
    for (const { id, manifest, names, index, members = [{ id, manifest }] } of found) {
      const image = await openImage(store, manifest);
      const distinct = new Map(members.map((member) => [member.id, member.manifest]));
      for (const [member, own] of distinct) await recordImage(store, { id: member, manifest: own });
      for (const name of names) await store.refs.set({ name, target: index ?? manifest });
      loaded.push({ id, names, image });
    }
    return loaded;
  } catch (error) {
    throw asArchiveError(error, typeof source === 'string' ? `reading ${source}` : 'reading the archive');
  }
}

async function findImages(
  store: Store,
  lease: Lease,
  { bytes, options }: { readonly bytes: AsyncIterable<Uint8Array>; readonly options: LoadOptions },
): Promise<readonly FoundImage[]> {
  const plain = await peek((await decompress(bytes, options.foreign)).bytes);
  if (!isTarHead(plain.head)) {
    await plain.bytes[Symbol.asyncIterator]().return?.();
    throw notAnImage(plain.head.byteLength === 0 ? 'it is empty' : 'it is no tar');
  }
  const members = await readMembers(store, lease, plain.bytes);
  const verifier = createLayerVerifier(store, options.foreign);
  const platform = options.platform ?? hostPlatform();
  const docker = members.document('manifest.json') !== undefined;
  const layout = members.document('oci-layout') !== undefined || !docker;
  const oci = members.document('index.json') !== undefined && layout;
  if (!oci && !docker) {
    if (members.document('repositories') === undefined)
      throw notAnImage('it has neither manifest.json nor index.json');
    throw invalid('it was written by Docker before 1.10', 'load it into a current engine and save it again');
  }
  const found = oci
    ? await loadOciImages({ store, members, verifier, platform, whole: options.platform === undefined })
    : await loadDockerImages(store, members, verifier);
  if (found.length === 0) throw invalid('it holds no image');
  return found;
}

/** A user who loads a file is told that the file is wrong, whichever part of it. */
function asArchiveError(error: unknown, doing: string): unknown {
  if (!(error instanceof TsbuildError)) return fromErrno(error, doing);
  if (!['IMAGE_INVALID', 'REFERENCE_INVALID'].includes(error.code)) return error;
  const { message, hint } = error;
  return new TsbuildError('ARCHIVE_INVALID', `the image archive is invalid: ${message}`, {
    hint,
    cause: error,
  });
}
