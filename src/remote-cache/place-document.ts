import { digestOf, TsbuildError } from '../core/index.ts';
import { parseManifest } from '../oci/index.ts';
import { cacheConfigType, decodeCache, type EncodedCache } from './format.ts';
import type { CachePart } from './types.ts';

/**
 * A cache as one document: its manifest in the first line, its config behind it. So they come and go together, where in a
 * registry the config is a blob.
 */
export function encodeDocument({ manifest, config }: EncodedCache): Uint8Array {
  return Buffer.concat([manifest.bytes, Buffer.from('\n'), config.bytes]);
}

/** Throws IMAGE_INVALID and DIGEST_MISMATCH. */
export function decodeDocument(bytes: Buffer): readonly CachePart[] {
  const end = bytes.indexOf('\n');
  const manifest = parseManifest(bytes.subarray(0, Math.max(0, end)));
  if (manifest.config.mediaType !== cacheConfigType)
    throw new TsbuildError('IMAGE_INVALID', 'the document is not a cache');
  const config = bytes.subarray(end + 1);
  const { digest, size } = manifest.config;
  if (config.byteLength !== size || digestOf(config) !== digest)
    throw new TsbuildError('DIGEST_MISMATCH', `the cache is not what its digest ${digest} promises`);
  return decodeCache(manifest, config);
}
