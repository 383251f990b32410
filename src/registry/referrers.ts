import { digestParts, TsbuildError, type Digest } from '../core/index.ts';
import { HttpStatusError, readBody, withRetries } from '../http/index.ts';
import { maxManifestBytes, mediaTypes, parseIndex } from '../oci/index.ts';
import type { Descriptor, Reference } from '../oci/index.ts';
import { withDeadline } from './conversation.ts';
import { nextPage } from './pages.ts';
import { withRepository, type OpenRepository, type RegistryOptions } from './repository.ts';

export interface ListReferrersOptions extends RegistryOptions {
  /** Of this type alone. */
  readonly artifactType?: string | undefined;
}

/** A registry that hands out pages without end is stopped. */
const maxPages = 50;

/**
 * What refers to the manifest or index of this digest in the repository: signatures, attestations and their like, as
 * descriptors with `artifactType` and `annotations` (end-12). Where the registry has no such list the fallback tag is
 * read; nothing there is the empty list. What is listed was verified by nobody: anyone who may push there can add to it.
 */
export async function listReferrers(
  repository: Reference,
  digest: Digest,
  options: ListReferrersOptions = {},
): Promise<readonly Descriptor[]> {
  return withRepository(repository, { ...options, access: 'pull' }, async (open) => {
    const all = (await readList(open, digest, options.artifactType)) ?? (await readFallback(open, digest));
    // A registry need not have filtered; OCI-Filters-Applied says whether it did.
    return all.filter(
      (one) => options.artifactType === undefined || one.artifactType === options.artifactType,
    );
  });
}

/** distribution-spec "Referrers Tag Schema": algorithm and digits cut to what a tag can hold. */
export function fallbackTag(digest: Digest): string {
  const { algorithm, hex } = digestParts(digest);
  return `${algorithm.slice(0, 32)}-${hex.slice(0, 64)}`;
}

/** The index under the fallback tag; the empty list where there is none. */
export async function readFallback(open: OpenRepository, digest: Digest): Promise<readonly Descriptor[]> {
  try {
    const { bytes, type } = await readIndex(open, `manifests/${fallbackTag(digest)}`);
    return parseIndex(bytes, type).manifests;
  } catch (error) {
    if (error instanceof HttpStatusError && error.status === 404) return [];
    throw error;
  }
}

/** Undefined where the registry has no such list. */
async function readList(
  open: OpenRepository,
  digest: Digest,
  artifactType: string | undefined,
): Promise<readonly Descriptor[] | undefined> {
  const query = artifactType === undefined ? '' : `?${new URLSearchParams({ artifactType }).toString()}`;
  const found: Descriptor[] = [];
  let next: string | URL | undefined = `referrers/${digest}${query}`;
  for (let page = 0; next !== undefined; page += 1) {
    if (page >= maxPages) {
      throw new TsbuildError('REGISTRY_ERROR', `the list of what refers to ${digest} has too many pages`);
    }
    try {
      const answer: IndexAnswer = await readIndex(open, next);
      // Servers that do not know the path have answered with pages of their own.
      if (page === 0 && answer.type !== mediaTypes.index) return undefined;
      found.push(...parseIndex(answer.bytes, answer.type).manifests);
      next = answer.next;
    } catch (error) {
      if (page === 0 && error instanceof HttpStatusError && [404, 405].includes(error.status))
        return undefined;
      throw error;
    }
  }
  return found;
}

interface IndexAnswer {
  readonly bytes: Buffer;
  readonly type: string | undefined;
  readonly next: URL | undefined;
}

async function readIndex(open: OpenRepository, path: string | URL): Promise<IndexAnswer> {
  return withRetries(
    async () =>
      withDeadline(open, async (signal) => {
        const headers = { accept: mediaTypes.index };
        const response = await open.conversation.request(path, { headers, signal });
        const bytes = await readBody(response, maxManifestBytes);
        const type = response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
        return { bytes, type, next: nextPage(response) };
      }),
    { policy: open.retry, signal: open.signal },
  );
}
