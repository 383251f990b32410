import { familiarName, formatPlatform, type Descriptor, type Platform } from '../../oci/index.ts';
import { packReferrer, type PackedReferrer, type ReferrerArtifact } from '../../registry/index.ts';
import { imageUrl } from './package-url.ts';
import { statementOf } from './statement.ts';
import type { Attestation, Subject } from './types.ts';

export const attestationTypes = {
  artifact: 'application/vnd.docker.attestation.manifest.v1+json',
  statement: 'application/vnd.in-toto+json',
} as const;

/** On a layer: what kind of statement it is. */
export const predicateTypeKey = 'in-toto.io/predicate-type';

const referenceType = 'vnd.docker.reference.type';
const referenceDigest = 'vnd.docker.reference.digest';

/** What is said, and of what. */
export interface Said {
  readonly attestations: readonly Attestation[];
  /** Full names under which the image goes out. */
  readonly names: readonly string[];
  readonly platform: Platform;
}

/** The image that statements are about, once for each name. */
export function subjectsOf(image: Pick<Descriptor, 'digest'>, { names, platform }: Said): readonly Subject[] {
  const urls = names.map((name) => imageUrl(familiarName(name), formatPlatform(platform)));
  return (urls.length === 0 ? ['_'] : urls).map((name) => ({ name, digest: image.digest }));
}

/**
 * What carries an image's statements (O-82): an artifact of its own that refers to the image, so that nothing of the image
 * changes. Its form is that of BuildKit's `oci-artifact`. Throws ATTESTATION_FAILED.
 */
export function attestationArtifact(image: Descriptor, said: Said): ReferrerArtifact {
  const subjects = subjectsOf(image, said);
  return {
    artifactType: attestationTypes.artifact,
    layers: said.attestations.map((attestation) => ({
      mediaType: attestationTypes.statement,
      bytes: statementOf(attestation, subjects),
      annotations: { [predicateTypeKey]: attestation.predicateType },
    })),
  };
}

export interface AttestationEntry {
  /** For an index, beside the image's: nobody looks for an image of its platform (O-82). */
  readonly entry: Descriptor;
  readonly packed: PackedReferrer;
}

/** The artifact as a layout has it. Undefined where nothing is said of the image. */
export function attestationEntry(image: Descriptor, said: Said): AttestationEntry | undefined {
  if (said.attestations.length === 0) return undefined;
  const packed = packReferrer(image, attestationArtifact(image, said));
  const { mediaType, digest, size, artifactType } = packed.descriptor;
  const entry = {
    ...{ mediaType, digest, size, artifactType },
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { [referenceType]: 'attestation-manifest', [referenceDigest]: image.digest },
  };
  return { entry, packed };
}

/** The digest of the image that an entry of an index speaks of, if it is one that does. */
export function attestedImage({ annotations }: Descriptor): string | undefined {
  return annotations?.[referenceType] === 'attestation-manifest' ? annotations[referenceDigest] : undefined;
}
