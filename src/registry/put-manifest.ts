import { digestOf, TsbuildError } from '../core/index.ts';
import { discard, withRetries } from '../http/index.ts';
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

/**
 * Under its digest where there are no tags. Several go in one request where the registry knows how (end-7b), and else in one
 * each: by digest it takes the manifest in any case.
 */
export async function putUnderTags(
  repository: OpenRepository,
  tags: readonly string[],
  manifest: OutgoingManifest,
): Promise<Descriptor> {
  const digest = digestOf(manifest.bytes);
  const [only = digest] = tags;
  if (tags.length < 2) return (await putManifest(repository, only, manifest)).descriptor;
  const query = new URLSearchParams(tags.map((tag): [string, string] => ['tag', tag])).toString();
  const { descriptor, tagged } = await putManifest(repository, `${digest}?${query}`, manifest);
  for (const tag of tags) if (!tagged.includes(tag)) await putManifest(repository, tag, manifest);
  return descriptor;
}

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
