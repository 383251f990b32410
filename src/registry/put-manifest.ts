import { digestOf, TsbuildError } from '../core/index.ts';
import { discard, HttpStatusError, withRetries } from '../http/index.ts';
import type { Descriptor, Reference } from '../oci/index.ts';
import { withDeadline } from './conversation.ts';
import { withRepository, type OpenRepository, type RegistryOptions } from './repository.ts';
import { once } from './token.ts';

/** A manifest or an index, as it is to be stored. */
export interface OutgoingManifest {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

export interface StoredManifest {
  readonly descriptor: Descriptor;
  /** Which of the tags of the query the registry says that it set (the answer has OCI-Tag). */
  readonly tagged: readonly string[];
  /** The registry lists it among the referrers of its subject (the answer has OCI-Subject). */
  readonly listed: boolean;
}

/**
 * Puts a manifest or an index of whatever kind: under the tag of the reference, else under its digest, which must then
 * be that of the bytes. What it names must be in the repository already; what is pushed by digest and by nothing else named
 * may be collected by the registry. Throws DIGEST_MISMATCH, INTERRUPTED and the REGISTRY_ codes.
 */
export async function pushManifest(
  reference: Reference,
  manifest: OutgoingManifest,
  options: TaggedPushOptions = {},
): Promise<Descriptor> {
  const digest = digestOf(manifest.bytes);
  if (reference.digest !== undefined && reference.digest !== digest) {
    throw new TsbuildError('DIGEST_MISMATCH', `the manifest is ${digest}, not ${reference.digest}`);
  }
  return withRepository(reference, { ...options, access: 'push' }, async (repository) => {
    return putUnderTags(repository, tagsOf(reference, options), manifest);
  });
}

export interface TaggedPushOptions extends RegistryOptions {
  /** Further tags of the repository, where the reference has one. */
  readonly moreTags?: readonly string[] | undefined;
}

export function tagsOf({ tag }: Reference, { moreTags = [] }: TaggedPushOptions): readonly string[] {
  return tag === undefined ? [] : [...new Set([tag, ...moreTags])];
}

/** As many as every registry that knows several takes (end-7b); beyond, it may say 414. */
const tagsAtOnce = 10;

/** Under its digest where there are no tags. Several go in one request where the registry knows how (end-7b), else in one each. */
export async function putUnderTags(
  repository: OpenRepository,
  tags: readonly string[],
  manifest: OutgoingManifest,
): Promise<Descriptor> {
  const digest = digestOf(manifest.bytes);
  const [only = digest] = tags;
  if (tags.length < 2) return (await putManifest(repository, only, manifest)).descriptor;
  for (let at = 0; at < tags.length; at += tagsAtOnce) {
    const some = tags.slice(at, at + tagsAtOnce);
    const tagged = await putAtOnce(repository, some, manifest);
    for (const tag of some) if (!tagged.includes(tag)) await putManifest(repository, tag, manifest);
  }
  return { mediaType: manifest.mediaType, digest, size: manifest.bytes.byteLength };
}

/** Which of the tags it has now. A refusal may be of the query, or of a digest there: by its tags it goes as it always did. */
async function putAtOnce(
  repository: OpenRepository,
  tags: readonly string[],
  manifest: OutgoingManifest,
): Promise<readonly string[]> {
  const query = new URLSearchParams(tags.map((tag): [string, string] => ['tag', tag])).toString();
  try {
    return (await putManifest(repository, `${digestOf(manifest.bytes)}?${query}`, manifest)).tagged;
  } catch (error) {
    if (error instanceof HttpStatusError && refusals.has(error.status)) return [];
    throw error;
  }
}

const refusals: ReadonlySet<number> = new Set([400, 403, 404, 405, 414, 422, 501]);

/** end-7a. `place` is a tag or the digest. The registry's digest of it must be ours: it is the name by which others will ask. */
export async function putManifest(
  repository: OpenRepository,
  place: string,
  { bytes, mediaType }: OutgoingManifest,
): Promise<StoredManifest> {
  const { conversation, retry, signal: stopped } = repository;
  const digest = digestOf(bytes);
  const headers = await withRetries(
    async () =>
      withDeadline(repository, async (signal) => {
        const response = await conversation.request(`manifests/${place}`, {
          method: 'PUT',
          headers: { 'content-type': mediaType },
          body: { size: bytes.byteLength, open: () => once(bytes) },
          signal,
        });
        await discard(response);
        return response.headers;
      }),
    { policy: retry, signal: stopped },
  );
  const claimed = headers.get('docker-content-digest');
  if (claimed !== null && claimed !== digest) {
    throw new TsbuildError(
      'DIGEST_MISMATCH',
      `the registry calls the manifest ${claimed.slice(0, 100)}, it is ${digest}`,
      { hint: 'the registry, or a proxy on the way, changes what is pushed' },
    );
  }
  return {
    descriptor: { mediaType, digest, size: bytes.byteLength },
    tagged: (headers.get('oci-tag') ?? '').split(',').map((tag) => tag.trim()),
    listed: headers.get('oci-subject') !== null,
  };
}
