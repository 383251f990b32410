import { canonicalJson, digestOf, type Digest } from '../core/index.ts';
import type { CacheMap, InputKey, KeyKind, KeyParts } from './types.ts';

/** Part of every key: a change of what keys mean makes all earlier records unreachable. */
const keyVersion = 1;

/** Digest of what a step is without its inputs. */
export function partsDigest(parts: KeyParts): Digest {
  return digestOf(canonicalJson({ version: keyVersion, parts }));
}

/**
 * The cache key of a step. A `definition` key stands on its inputs' keys and is known before anything runs; a
 * `content` key stands on what the inputs really hold, and so survives an input that was rebuilt to the same bytes.
 */
export function cacheKey(stage: KeyKind, parts: Digest, inputs: readonly InputKey[]): Digest {
  return digestOf(
    canonicalJson({ version: keyVersion, stage, parts, inputs: inputs.map((input) => ({ ...input })) }),
  );
}

/** Joins a cache map's selectors with one digest for each input. */
export function inputKeys<R>(cacheMap: CacheMap<R>, digests: readonly Digest[]): readonly InputKey[] {
  if (cacheMap.inputs.length !== digests.length) {
    throw new Error(`a cache map of ${cacheMap.inputs.length} inputs for a vertex of ${digests.length}`);
  }
  return digests.map((digest, index) => ({ selector: cacheMap.inputs[index]?.selector, digest }));
}
