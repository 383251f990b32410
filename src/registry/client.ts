import { createDigester, digestParts, isDigest, TsbuildError } from '../core/index.ts';
import {
  certificateProblem,
  CutOffError,
  discard,
  get,
  isLoopback,
  readBody,
  type RetryPolicy,
  statusError,
  withRetries,
} from '../http/index.ts';
import type { Digest } from '../core/index.ts';
import { maxManifestBytes, mediaTypes, parseManifestOrIndex } from '../oci/index.ts';
import type { Descriptor, ManifestOrIndex } from '../oci/index.ts';
import { createAuthorizer } from './token.ts';
import type { Authorizer } from './token.ts';
import { readBlob } from './blob.ts';

export interface ClientOptions {
  /** Host to dial, with its port. */
  readonly host: string;
  readonly repository: string;
  readonly signal: AbortSignal;
  readonly retry: RetryPolicy;
  /** Milliseconds without a byte after which a transfer is begun anew. */
  readonly stall: number;
}

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

export function createRegistryClient(options: ClientOptions): RegistryClient {
  let connected: Promise<Connection> | undefined;

  async function request(
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Response> {
    connected ??= connect(options);
    const connection = await connected.catch((error: unknown) => {
      connected = undefined;
      throw error;
    });
    const url = new URL(`/v2/${options.repository}/${path}`, connection.base);
    return authorized(connection.authorizer, signal, async (authorization) =>
      get(url, { headers: authorization === undefined ? headers : { ...headers, authorization }, signal }),
    );
  }

  return {
    manifest: async (reference) =>
      withRetries(
        async () =>
          withDeadline(options, async (signal) => {
            const response = await request(`manifests/${reference}`, { accept: acceptedManifests }, signal);
            return readManifest(response, reference);
          }),
        { policy: options.retry, signal: options.signal },
      ),
    blob: (descriptor) => readBlob(descriptor, { ...options, request }),
  };
}

/** A small answer comes whole within the time in which a large one must show a byte. */
async function withDeadline<T>(
  { signal, stall }: ClientOptions,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(stall);
  try {
    return await task(AbortSignal.any([signal, deadline]));
  } catch (error) {
    if (!deadline.aborted || signal.aborted) throw error;
    throw new CutOffError(`no answer within ${stall} ms`);
  }
}

interface Connection {
  readonly base: URL;
  readonly authorizer: Authorizer;
}

/** https, and plain http only to this machine, where it turns out that https is not spoken (checklist G-37). */
async function connect({ host, repository, signal }: ClientOptions): Promise<Connection> {
  const scope = `repository:${repository}:pull`;
  const secure = new URL(`https://${host}`);
  const connection = (base: URL): Connection => ({ base, authorizer: createAuthorizer(base, scope) });
  if (!isLoopback(secure)) return connection(secure);
  try {
    await discard(await get(new URL('/v2/', secure), { headers: {}, signal }));
    return connection(secure);
  } catch (error) {
    signal.throwIfAborted();
    if (certificateProblem(error) !== undefined) throw error;
    return connection(new URL(`http://${host}`));
  }
}

async function authorized(
  authorizer: Authorizer,
  signal: AbortSignal,
  send: (authorization: string | undefined) => Promise<Response>,
): Promise<Response> {
  const used = await authorizer.current();
  const response = await send(used);
  if (response.status !== 401) return checked(response);
  await discard(response);
  return checked(await send(await authorizer.answer(response, used, signal)));
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw await statusError(response);
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
