import { cacheKey, partsDigest } from '../solver/index.ts';
import type { ForeignRecord } from './types.ts';

/**
 * Whether a record is what its key says, by the solver's own reckoning: the parts give their digest, parts and inputs give
 * the key. Whether the layers are what the step makes cannot be seen: that is trust in the cache that was named.
 */
export function isConsistent(record: ForeignRecord): boolean {
  if (record.parts !== undefined && partsDigest(record.parts) !== record.partsDigest) return false;
  return cacheKey('definition', record.partsDigest, record.inputKeys) === record.key;
}
