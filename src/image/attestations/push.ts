import type { Descriptor, Reference } from '../../oci/index.ts';
import { pushReferrer, type RegistryOptions } from '../../registry/index.ts';
import { attestationArtifact, type Said } from './artifact.ts';

/** Sends what is said of an image after the image: it is listed among the referrers of its manifest (G-42). */
export async function pushAttestations(
  repository: Reference,
  image: Descriptor,
  said: Said,
  options: RegistryOptions = {},
): Promise<void> {
  if (said.attestations.length === 0) return;
  await pushReferrer({ repository, descriptor: image }, attestationArtifact(image, said), options);
}
