import { TsbuildError } from '../core/index.ts';
import { maxManifestBytes, parseManifest } from '../oci/index.ts';
import { decodeCache, encodeCache, isWritable, maxParts, maxRecords, type EncodedCache } from './format.ts';
import type { CachePart } from './types.ts';

/**
 * The cache with a new part in the place of the one of the same scope and platform; all others stay. Parts that were not
 * exported for the longest time go when there are more than the bounds allow, and the last records of the new one when it
 * alone is too large: a cache never grows past what is read again.
 */
export function mergedCache(
  earlier: readonly CachePart[],
  part: CachePart,
): { readonly parts: readonly CachePart[]; readonly encoded: EncodedCache } {
  const others = earlier
    .filter(({ scope, platform }) => scope !== part.scope || platform !== part.platform)
    .toSorted((one, other) => (one.exported < other.exported ? 1 : -1))
    .slice(0, maxParts - 1);
  let own = { ...part, records: part.records.filter(isWritable).slice(0, maxRecords) };
  for (;;) {
    // By name, not by age: two builds that put the same into it write the same bytes.
    const parts = [own, ...others].toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
    const encoded = encodeCache(parts);
    if (fits(encoded)) return { parts, encoded };
    if (others.length > 0) others.pop();
    else if (own.records.length === 0) throw new Error('an empty cache that is too large');
    else own = { ...own, records: own.records.slice(0, Math.floor(own.records.length / 2)) };
  }
}

/** Whether it is read again as it is written. */
function fits({ config, manifest }: EncodedCache): boolean {
  if (manifest.bytes.byteLength > maxManifestBytes) return false;
  try {
    decodeCache(parseManifest(manifest.bytes), config.bytes);
    return true;
  } catch (error) {
    if (error instanceof TsbuildError) return false;
    throw error;
  }
}

function nameOf({ scope, platform }: CachePart): string {
  return JSON.stringify([scope, platform]);
}
