import { canonicalJson, type Json } from '../core/index.ts';
import { familiarName, mediaTypes, type Descriptor, type Index } from '../oci/index.ts';
import type { Ref } from './types.ts';

/**
 * What skopeo (`oci:<layout>:<name>`) and umoci (`--image <layout>:<name>`) match: both compare the whole text after the
 * first colon with it, and accept the characters of the spec's grammar, so the name can be the one that people write,
 * `app:latest`. Names with `__` or `---` are outside of that grammar: such an image is listed but cannot be picked.
 */
const refNameAnnotation = 'org.opencontainers.image.ref.name';
/** Where containerd and docker keep the full name. */
const fullNameAnnotation = 'io.containerd.image.name';

/** The layout's index.json (image-layout.md, "index.json file") for these refs, in their order. */
export function layoutIndex(refs: readonly Ref[]): string {
  const index: Index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: refs.map(entryOf) };
  return canonicalJson(index as unknown as Json);
}

/**
 * Whether an index.json already says what this ref says, as `layoutIndex` writes it. Not parsed: of thousands of names
 * that takes longer than all else of a build that changes nothing.
 */
export function namesTarget(index: string | undefined, ref: Ref): boolean {
  return index?.includes(canonicalJson(entryOf(ref) as unknown as Json)) === true;
}

function entryOf(ref: Ref): Descriptor {
  return {
    ...ref.target,
    annotations: {
      ...ref.target.annotations,
      [refNameAnnotation]: familiarName(ref.name),
      [fullNameAnnotation]: ref.name,
    },
  };
}
