import { formatReference, parseReference } from '../oci/index.ts';

/** Full names, each once, in their order. Throws REFERENCE_INVALID. */
export function fullNames(names: readonly string[]): readonly string[] {
  return [...new Set(names.map((name) => formatReference(parseReference(name))))];
}
