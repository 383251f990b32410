import type { Descriptor } from './types.ts';

/** Whether an entry of an index is one of `docker buildx` about an image beside it: an image for an unknown platform. */
export function isAttestation({ platform, annotations }: Descriptor): boolean {
  return platform?.os === 'unknown' || annotations?.['vnd.docker.reference.type'] !== undefined;
}
