import type { Descriptor } from '../../oci/types.ts';
import { packReferrer, type PackedReferrer, type ReferrerArtifact } from '../../registry/index.ts';
import { statementOf } from './statement.ts';
import type { Attestation } from './types.ts';

export const attestationTypes = {
  artifact: 'application/vnd.docker.attestation.manifest.v1+json',
  statement: 'application/vnd.in-toto+json',
} as const;

/** On a layer: what kind of statement it is. */
export const predicateTypeKey = 'in-toto.io/predicate-type';

/**
 * What carries an image's statements (O-82): an artifact of its own that refers to the image, so that nothing of the image
 * changes. Its form is that of BuildKit's `oci-artifact`. `names` are package URLs. Throws ATTESTATION_FAILED.
 */
export function attestationArtifact(
  image: Descriptor,
  attestations: readonly Attestation[],
  names: readonly string[] = [],
): ReferrerArtifact {
  const subjects = (names.length === 0 ? ['_'] : names).map((name) => ({ name, digest: image.digest }));
  return {
    artifactType: attestationTypes.artifact,
    layers: attestations.map((attestation) => ({
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
export function attestationEntry(
  image: Descriptor,
  attestations: readonly Attestation[],
  names: readonly string[] = [],
): AttestationEntry | undefined {
  if (attestations.length === 0) return undefined;
  const packed = packReferrer(image, attestationArtifact(image, attestations, names));
  const { mediaType, digest, size, artifactType } = packed.descriptor;
  const entry = {
    ...{ mediaType, digest, size, artifactType },
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': image.digest,
    },
  };
  return { entry, packed };
}
