import { statSync } from 'node:fs';

import { TsbuildError, type Digest } from '../core/index.ts';
import { maxManifestBytes, parseManifestOrIndex, type Descriptor } from '../oci/index.ts';
import { readVerified } from './blob-read.ts';
import type { BlobStore } from './types.ts';

/**
 * Whether a manifest and its config are in the store and have the digests that name them, and the layers their sizes: their
 * content is checked when it is read. Of an index, those of its manifests that are in the store, one at least.
 */
export function isWholeImage(target: Descriptor, blobs: Pick<BlobStore, 'path'>): boolean {
  const sizeOf = (digest: Digest): number | undefined =>
    statSync(blobs.path(digest), { throwIfNoEntry: false })?.size;
  try {
    const bytes = readVerified(blobs.path(target.digest), target.digest, maxManifestBytes);
    const parsed = parseManifestOrIndex(bytes);
    if (parsed.kind === 'index') {
      const here = parsed.index.manifests.filter(({ digest }) => sizeOf(digest) !== undefined);
      return here.length > 0 && here.every((manifest) => isWholeImage(manifest, blobs));
    }
    const { config, layers } = parsed.manifest;
    readVerified(blobs.path(config.digest), config.digest);
    return layers.every(({ digest, size }) => sizeOf(digest) === size);
  } catch (error) {
    if (error instanceof TsbuildError) return false;
    throw error;
  }
}
