import { createDigester, digestParts, isDigest, TsbuildError } from '../core/index.ts';
import { readBody, withRetries } from '../http/index.ts';
import type { Digest } from '../core/index.ts';
import { maxManifestBytes, mediaTypes, parseManifestOrIndex } from '../oci/index.ts';
import type { Descriptor, ManifestOrIndex } from '../oci/index.ts';
import { readBlob } from './blob.ts';
import { withDeadline } from './conversation.ts';
import type { OpenRepository } from './repository.ts';

export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly parsed: ManifestOrIndex;
}

/** One repository of a registry, read only (distribution-spec, "Pull"). */
export interface RegistryClient {
  /** By tag or digest; a digest is verified. Schema 1 is refused. */
  manifest(reference: string): Promise<FetchedManifest>;
  /** The blob's bytes; a transfer that is cut is resumed where it stopped. Whoever stores them verifies them. */
  blob(descriptor: Descriptor): AsyncIterable<Uint8Array>;
}

const acceptedManifests = [
  mediaTypes.manifest,
  mediaTypes.index,
  mediaTypes.dockerManifest,
  mediaTypes.dockerList,
].join(', ');

export function createRegistryClient(options: OpenRepository): RegistryClient {
  const { request } = options.conversation;
  return {
    manifest: async (reference) =>
      withRetries(
        async () =>
          withDeadline(options, async (signal) => {
            const headers = { accept: acceptedManifests };
            const response = await request(`manifests/${reference}`, { headers, signal });
            return readManifest(response, reference);
          }),
        { policy: options.retry, signal: options.signal },
      ),
    blob: (descriptor) =>
      readBlob(descriptor, {
        ...options,
        request: async (path, headers, signal) => request(path, { headers, signal }),
      }),
  };
}

/** Content and header must say the same kind: one manifest read as two is how content is smuggled past a check (end-3). */
async function readManifest(response: Response, reference: string): Promise<FetchedManifest> {
  const bytes = await readBody(response, maxManifestBytes);
  const digest = checkDigest(bytes, { reference, header: response.headers.get('docker-content-digest') });
  const parsed = parseManifestOrIndex(bytes, response.headers.get('content-type') ?? undefined);
  return { descriptor: { mediaType: parsed.mediaType, digest, size: bytes.byteLength }, bytes, parsed };
}

/** The digest asked for, else the one the registry says, else sha256; whichever it is must be right. */
function checkDigest(bytes: Buffer, claims: { reference: string; header: string | null }): Digest {
  const claimed = isDigest(claims.reference) ? claims.reference : (claims.header ?? undefined);
  const algorithm = claimed !== undefined && isDigest(claimed) ? digestParts(claimed).algorithm : 'sha256';
  const digester = createDigester(algorithm);
  digester.update(bytes);
  const digest = digester.digest();
  if (claimed === undefined || digest === claimed) return digest;
  throw new TsbuildError(
    'DIGEST_MISMATCH',
    `the registry sent a manifest ${digest} where ${claimed.slice(0, 200)} was promised`,
    {
      hint: 'the registry, or a proxy on the way, is damaged or not to be trusted',
    },
  );
}
