import { createDigester, digestParts, isDigest, TsbuildError } from '../core/index.ts';
import {
  failureReason,
  HttpStatusError,
  readBlob,
  readBody,
  withRetries,
  type HttpResponse,
} from '../http/index.ts';
import type { Digest } from '../core/index.ts';
import { maxManifestBytes, mediaTypes, parseManifestOrIndex } from '../oci/index.ts';
import type { Descriptor, ManifestOrIndex } from '../oci/index.ts';
import { withDeadline } from './conversation.ts';
import type { OpenRepository } from './repository.ts';

export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly parsed: ManifestOrIndex;
}

/** One repository of a registry and its mirrors, read only (distribution-spec, "Pull"). */
export interface RegistryClient {
  /** By tag or digest; a digest is verified. Schema 1 is refused. */
  manifest(reference: string): Promise<FetchedManifest>;
  /** The blob's bytes; a transfer that is cut is resumed where it stopped. Whoever stores them verifies them. */
  blob(descriptor: Descriptor): AsyncIterable<Uint8Array>;
  /** What came as this blob was not it: true when a mirror sent it, and the registry itself is asked from now on. */
  distrust(digest: Digest, why: unknown): boolean;
}

const acceptedManifests = [
  mediaTypes.manifest,
  mediaTypes.index,
  mediaTypes.dockerManifest,
  mediaTypes.dockerList,
].join(', ');

/** A mirror that does not do gets little patience: there is another place to ask. */
const mirrorTries = 2;
/** Milliseconds. */
const mirrorStall = 15_000;

/** Mirrors are asked in their order and the registry itself at last; whichever answered is asked first from then on. */
export function createRegistryClient(open: OpenRepository): RegistryClient {
  const { mirrors } = open;
  let at = 0;
  /** Which place sent the beginning of a blob; the rest may have come from a better one. */
  const askedAt = new Map<Digest, number>();

  const passOver = (from: number, to: number, why: unknown): boolean => {
    const host = mirrors[from]?.host;
    if (host === undefined || open.signal.aborted) return false;
    // Of several transfers that fail together the first one turns away for all.
    if (at >= to) return true;
    at = to;
    const isAbsent = why instanceof HttpStatusError && why.status === 404;
    if (!isAbsent) open.onWarning?.(`the mirror ${host} is passed over: ${reasonOf(why)}`);
    return true;
  };
  const placeAt = (index: number): Place => {
    const mirror = mirrors[index];
    if (mirror === undefined) return open;
    const retry = { ...open.retry, tries: Math.min(mirrorTries, open.retry.tries) };
    const stall = Math.min(mirrorStall, open.stall);
    return { conversation: mirror.conversation, retry, stall };
  };

  return {
    distrust: (digest, why) => passOver(askedAt.get(digest) ?? mirrors.length, mirrors.length, why),
    async manifest(reference) {
      for (;;) {
        const from = at;
        try {
          return await fetchManifest(reference, { ...open, ...placeAt(from) });
        } catch (error) {
          if (!passOver(from, from + 1, error)) throw error;
        }
      }
    },
    blob(descriptor) {
      let from = at;
      return readBlob(descriptor, {
        ...open,
        retry: () => placeAt(from).retry,
        next: (why) => {
          const more = passOver(from, from + 1, why);
          from = at;
          return more;
        },
        request: async (headers, signal) => {
          if (headers['range'] === undefined) askedAt.set(descriptor.digest, from);
          return placeAt(from).conversation.request(`blobs/${descriptor.digest}`, { headers, signal });
        },
      });
    },
  };
}

type Place = Pick<OpenRepository, 'conversation' | 'retry' | 'stall'>;

async function fetchManifest(reference: string, open: OpenRepository): Promise<FetchedManifest> {
  const { conversation, retry, signal: stopped } = open;
  return withRetries(
    async () =>
      withDeadline(open, async (signal) => {
        const headers = { accept: acceptedManifests };
        const response = await conversation.request(`manifests/${reference}`, { headers, signal });
        return readManifest(response, reference);
      }),
    { policy: retry, signal: stopped },
  );
}

function reasonOf(error: unknown): string {
  if (error instanceof HttpStatusError) return `status ${error.status}`;
  return failureReason(error)?.why ?? (error instanceof Error ? error.message : String(error));
}

/** Content and header must say the same kind: one manifest read as two is how content is smuggled past a check (end-3). */
async function readManifest(response: HttpResponse, reference: string): Promise<FetchedManifest> {
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
