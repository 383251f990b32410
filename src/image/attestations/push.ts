import {
  familiarName,
  formatPlatform,
  type Descriptor,
  type Platform,
  type Reference,
} from '../../oci/index.ts';
import { pushReferrer, type RegistryOptions } from '../../registry/index.ts';
import { attestationArtifact } from './artifact.ts';
import { imageUrl } from './package-url.ts';
import type { Attestation } from './types.ts';

/** Sends what is said of an image after the image: it is listed among the referrers of its manifest (G-42). */
export async function pushAttestations(
  repository: Reference,
  image: Descriptor,
  said: { readonly attestations: readonly Attestation[]; readonly platform: Platform },
  options: RegistryOptions = {},
): Promise<void> {
  if (said.attestations.length === 0) return;
  const name = imageUrl(familiarName(repository), formatPlatform(said.platform));
  const artifact = attestationArtifact(image, said.attestations, [name]);
  await pushReferrer({ repository, descriptor: image }, artifact, options);
}
