import { isDigest, nearestName, TsbuildError } from '../core/index.ts';
import type { Digest } from '../core/index.ts';
import {
  familiarName,
  formatReference,
  hostPlatform,
  parseReference,
  repositoryName,
  selectPlatform,
} from '../oci/index.ts';
import type { Descriptor, Platform } from '../oci/types.ts';
import type { ImageRecord, Store } from '../store/types.ts';
import { openIfWhole, openImage } from './image.ts';
import type { Image } from './image.ts';
import { imagesOf, isIndexType, type IndexMember } from './index-image.ts';

export interface ResolvedImage {
  readonly id: Digest;
  readonly manifest: Descriptor;
  /** The full name that was meant (`docker.io/library/app:latest`); undefined when it was found by id or digest. */
  readonly name?: string | undefined;
  /** The index that the name or the digest stands for; the image is one of its images. */
  readonly index?: Descriptor | undefined;
}

export interface FindOptions {
  /** Only an image that runs on it will do; of several under one digest, the one that fits best. */
  readonly platform?: Platform | undefined;
}

/**
 * Finds an image of the store by name, `name@digest`, id, or a prefix of an id that no other image shares; names go
 * before prefixes. Of an index it is the image for this machine, or else the first, unless a platform is asked for.
 * Nothing is asked of a registry. Throws IMAGE_NOT_FOUND, naming what is near, or REFERENCE_INVALID.
 */
export async function resolveImage(
  store: Store,
  text: string,
  options: FindOptions = {},
): Promise<ResolvedImage> {
  const found = await findImage(store, text, options);
  if (found !== undefined) return found;
  const near = await nearName(store, text);
  throw new TsbuildError('IMAGE_NOT_FOUND', `no such image: ${text}`, {
    hint: near === undefined ? 'tsbuild images lists what there is' : `did you mean ${near}?`,
  });
}

/** Tags are left out as often as they are mistyped: names are compared with and without theirs. */
async function nearName(store: Store, text: string): Promise<string | undefined> {
  const meant = new Map<string, string>();
  for (const { name } of await store.refs.list()) {
    const familiar = familiarName(name);
    meant.set(familiar, familiar);
    const bare = familiar.replace(/:[^:/]*$/, '');
    if (!meant.has(bare)) meant.set(bare, familiar);
  }
  const nearest = nearestName(text, meant.keys());
  const near = nearest === undefined ? undefined : meant.get(nearest);
  // A name whose image is damaged is no help.
  return near === text ? undefined : near;
}

/** As `resolveImage`, undefined when there is none. */
export async function findImage(
  store: Store,
  text: string,
  { platform }: FindOptions = {},
): Promise<ResolvedImage | undefined> {
  const candidates = await findCandidates(store, text);
  return platform === undefined ? candidates[0] : fitting(store, candidates, platform);
}

async function findCandidates(store: Store, text: string): Promise<readonly ResolvedImage[]> {
  if (isDigest(text)) return findByDigest(store, text);
  const prefix = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(text)?.[1];
  if (prefix?.length === 64) return listOf(await findByPrefix(store, prefix));
  const reference = parseReference(text);
  const { digest } = reference;
  if (digest !== undefined) return findByRepoDigest(store, repositoryName(reference), digest);
  const named = await findByName(store, formatReference(reference));
  if (named.length > 0 || prefix === undefined) return named;
  return listOf(await findByPrefix(store, prefix));
}

/** The candidate that fits the platform best; one whose manifest or config has vanished is none. */
async function fitting(
  store: Store,
  candidates: readonly ResolvedImage[],
  wanted: Platform,
): Promise<ResolvedImage | undefined> {
  const known: { readonly candidate: ResolvedImage; readonly platform: Platform }[] = [];
  for (const candidate of candidates) {
    const image = await openIfWhole(store, candidate.manifest);
    if (image !== undefined) known.push({ candidate, platform: image.config });
  }
  return selectPlatform(wanted, known)?.candidate;
}

/** An image by any of the ways of `resolveImage`, or by the descriptor of its manifest. */
export async function loadImage(store: Store, image: string | Descriptor): Promise<Image> {
  return openImage(store, typeof image === 'string' ? (await resolveImage(store, image)).manifest : image);
}

async function findByName(store: Store, name: string): Promise<readonly ResolvedImage[]> {
  const ref = await store.refs.get(name);
  if (ref === undefined) return [];
  return (await resolvedOf(store, ref.target)).map((image) => ({ ...image, name }));
}

/** The images of a manifest or an index, that for this machine first. */
async function resolvedOf(store: Store, target: Descriptor): Promise<readonly ResolvedImage[]> {
  const members = await imagesOf(store, target);
  if (!isIndexType(target.mediaType)) return members.map(({ id }) => ({ id, manifest: target }));
  const own = selectPlatform(hostPlatform(), members);
  const inOrder = own === undefined ? members : [own, ...members.filter((member) => member !== own)];
  return inOrder.map(({ id, manifest }: IndexMember) => ({ id, manifest, index: target }));
}

/** A tag beside a digest is for people only: the digest alone decides (S-66). That of an index may mean several images. */
async function findByRepoDigest(
  store: Store,
  repository: string,
  digest: Digest,
): Promise<readonly ResolvedImage[]> {
  const wanted = `${repository}@${digest}`;
  const records = (await store.images.list()).filter(({ repoDigests }) => repoDigests.includes(wanted));
  if (records.length > 0) return records.map(ofRecord);
  for (const ref of await store.refs.list()) {
    if (ref.target.digest !== digest || repositoryName(parseReference(ref.name)) !== repository) continue;
    const images = await resolvedOf(store, ref.target);
    if (images.length > 0) return images;
  }
  return [];
}

async function findByDigest(store: Store, digest: Digest): Promise<readonly ResolvedImage[]> {
  const record = await store.images.get(digest);
  if (record !== undefined) return [ofRecord(record)];
  const byManifest = (await store.images.list()).find(({ manifest }) => manifest.digest === digest);
  if (byManifest !== undefined) return [ofRecord(byManifest)];
  const byIndex = (await store.refs.list()).find(({ target }) => target.digest === digest);
  return byIndex === undefined ? [] : resolvedOf(store, byIndex.target);
}

async function findByPrefix(store: Store, prefix: string): Promise<ResolvedImage | undefined> {
  const matches = (await store.images.list()).filter(({ id }) => id.startsWith(`sha256:${prefix}`));
  const [only, other] = matches;
  if (other !== undefined) {
    const ids = matches.slice(0, 4).map(({ id }) => id.slice(7, 19));
    throw new TsbuildError('IMAGE_NOT_FOUND', `the id prefix ${prefix} belongs to several images`, {
      hint: `give more of the id: ${ids.join(', ')}${matches.length > 4 ? ', …' : ''}`,
    });
  }
  return only === undefined ? undefined : ofRecord(only);
}

function ofRecord({ id, manifest }: ImageRecord): ResolvedImage {
  return { id, manifest };
}

function listOf(one: ResolvedImage | undefined): readonly ResolvedImage[] {
  return one === undefined ? [] : [one];
}
