import { TsbuildError, toText, type ByteString } from '../core/index.ts';

const prefix = '.wh.';
const opaqueName = '.wh..wh..opq';

/** What the last component of an entry's path means in a layer (OCI image-spec, layer.md "Whiteouts"). */
export type LayerName =
  | { readonly kind: 'plain' }
  /** `name` of the lower layers is hidden. */
  | { readonly kind: 'whiteout'; readonly name: ByteString }
  /** All that the lower layers have in this directory is hidden. */
  | { readonly kind: 'opaque' };

const plain: LayerName = { kind: 'plain' };
const opaque: LayerName = { kind: 'opaque' };

/**
 * Reads a single path component. Throws ARCHIVE_INVALID for marks that name nothing (`.wh.`), that point out of the
 * directory (`.wh..`, `.wh...`), or that belong to AUFS itself (`.wh..wh.plnk`): guessing here has deleted parents before.
 */
export function parseLayerName(component: ByteString): LayerName {
  if (!component.startsWith(prefix)) return plain;
  if (component === opaqueName) return opaque;
  const name = component.slice(prefix.length) as ByteString;
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.startsWith(prefix)) {
    throw new TsbuildError('ARCHIVE_INVALID', `${JSON.stringify(toText(component))} is not a valid whiteout`);
  }
  return { kind: 'whiteout', name };
}

/** The name that hides `name`: the component of an explicit whiteout. */
export function whiteoutName(name: ByteString): ByteString {
  return `${prefix}${name}` as ByteString;
}

/** True for names that no layer can carry, since they would be read as whiteouts. */
export function isReservedLayerName(component: ByteString): boolean {
  return component.startsWith(prefix);
}
