import { createHash } from 'node:crypto';

import { TsbuildError } from './errors.ts';
import { beginSha256, sha256Hex } from './sha256.ts';

/** `algorithm:hex`, checked; the only string that may become a blob's path or a URL segment (OCI image-spec, descriptor.md "Digests"). */
export type Digest = string & { readonly __digest: true };

const hexLengths: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

export function isDigest(text: string): text is Digest {
  const match = /^(sha256|sha512):([a-f0-9]+)$/.exec(text);
  return match?.[1] !== undefined && match[2]?.length === hexLengths[match[1]];
}

/** The only door from foreign text to a Digest. Throws DIGEST_INVALID. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new TsbuildError('DIGEST_INVALID', `not a digest: ${JSON.stringify(text.slice(0, 200))}`, {
    hint: 'expected sha256: or sha512: and lower-case hexadecimal digits',
  });
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${sha256Hex(bytes)}` as Digest;
}

export function digestParts(digest: Digest): { readonly algorithm: string; readonly hex: string } {
  const colon = digest.indexOf(':');
  return { algorithm: digest.slice(0, colon), hex: digest.slice(colon + 1) };
}

/** Incremental digest; `sha256` unless told. */
export interface Digester {
  update(bytes: Uint8Array | string): void;
  digest(): Digest;
}

export function createDigester(algorithm = 'sha256'): Digester {
  if (algorithm === 'sha256') {
    const sha256 = beginSha256();
    return { update: (bytes) => sha256.update(bytes), digest: () => `sha256:${sha256.hex()}` as Digest };
  }
  const state = createHash(algorithm);
  return {
    update: (bytes) => void state.update(bytes),
    digest: () => `${algorithm}:${state.digest('hex')}` as Digest,
  };
}
