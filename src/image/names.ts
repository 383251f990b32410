import { TsbuildError } from '../core/index.ts';
import type { Digest } from '../core/index.ts';
import { familiarName, formatReference, parseReference, repositoryName } from '../oci/index.ts';
import type { Descriptor } from '../oci/types.ts';
import type { Store } from '../store/types.ts';
import { imagesOf, isIndexType } from './index-image.ts';
import { resolveImage } from './resolve.ts';

/**
 * Gives an image of the store a further name; a name that another image had moves. The name of an index is given to the
 * index, with all its images. Returns the full name.
 */
export async function tagImage(store: Store, image: string, name: string): Promise<string> {
  checkTag(name);
  const { manifest, index } = await resolveImage(store, image);
  return nameTarget(store, index ?? manifest, name);
}

/** Lets a name point to a manifest or an index of the store. Returns the full name. */
export async function nameTarget(store: Store, target: Descriptor, name: string): Promise<string> {
  const { mediaType, digest, size } = target;
  const full = checkTag(name);
  await store.refs.set({ name: full, target: { mediaType, digest, size } });
  return full;
}

/** The full name of one that an image can be given. Throws REFERENCE_INVALID. */
export function checkTag(name: string): string {
  const reference = parseReference(name);
  if (reference.digest !== undefined) {
    throw new TsbuildError('REFERENCE_INVALID', `cannot give an image the name ${name}: it has a digest`, {
      hint: 'a digest follows from the content; give a tag',
    });
  }
  return formatReference(reference);
}

export interface RemoveOptions {
  /** Removes all names of an id, and an image that stopped containers use. */
  readonly force?: boolean | undefined;
  /** Says who uses the image, for the message; undefined when nobody does. */
  readonly inUse?: ((id: Digest) => Promise<ImageUse | undefined>) | undefined;
}

export interface ImageUse {
  /** `container 3f2a (running)` */
  readonly by: string;
  /** A running container's image is never removed, forced or not. */
  readonly running: boolean;
}

export interface RemovedImage {
  /** Full names that were taken away. */
  readonly untagged: readonly string[];
  /** Ids of the images that are gone; their blobs are left to the store's collector, which knows who else needs them. */
  readonly deleted: readonly Digest[];
}

/**
 * `docker rmi`: a name is taken away, and the image with its last name; an id removes the image, which is refused
 * while several names point to it, or an index has it. With the last name of an index go those of its images that have no
 * other. Throws IMAGE_IN_USE, IMAGE_NOT_FOUND.
 */
export async function removeImage(
  store: Store,
  image: string,
  options: RemoveOptions = {},
): Promise<RemovedImage> {
  const resolved = await resolveImage(store, image);
  const { id, name } = resolved;
  if (resolved.index !== undefined)
    return removeIndex(store, { image, name, index: resolved.index }, options);
  const names = await namesOf(store, id);
  const removesAll = name === undefined || names.every((other) => other === name);
  if (name === undefined && options.force !== true) await refuseWithinIndex(store, id, names);
  if (name === undefined && names.length > 1 && options.force !== true) {
    throw new TsbuildError('IMAGE_IN_USE', `the image ${shortId(id)} has several names`, {
      hint: `remove them by name (${names.map(familiarName).join(', ')}), or all with --force`,
    });
  }
  if (removesAll) await refuseWhenUsed(id, image, options);
  const untagged = name === undefined ? names : [name];
  // The names last: killed in between, it can be done again by what the user calls it.
  if (removesAll) await store.images.delete(id);
  for (const gone of untagged) await store.refs.delete(gone);
  if (!removesAll) {
    await forgetRepository(store, id, { gone: untagged, left: names.filter((other) => other !== name) });
    return { untagged, deleted: [] };
  }
  return { untagged, deleted: [id] };
}

/** Named by its name, or by its digest, which takes all its names away. */
async function removeIndex(
  store: Store,
  target: { readonly image: string; readonly name: string | undefined; readonly index: Descriptor },
  options: RemoveOptions,
): Promise<RemovedImage> {
  const { image, name, index } = target;
  const refs = await store.refs.list();
  const names = refs.filter((ref) => ref.target.digest === index.digest).map((ref) => ref.name);
  const gone = name === undefined ? names : [name];
  if (gone.length < names.length) {
    await store.refs.delete(gone[0] ?? '');
    return { untagged: gone, deleted: [] };
  }
  const lost: Digest[] = [];
  const kept: { readonly id: Digest; readonly left: readonly string[] }[] = [];
  for (const id of new Set((await imagesOf(store, index)).map((member) => member.id))) {
    const left = (await namesOf(store, id)).filter((other) => !gone.includes(other));
    if (left.length > 0) kept.push({ id, left });
    else lost.push(id);
  }
  for (const id of lost) await refuseWhenUsed(id, image, options);
  for (const id of lost) await store.images.delete(id);
  for (const { id, left } of kept) await forgetRepository(store, id, { gone, left });
  // Last: killed in between, it can be done again by what the user calls it.
  for (const each of gone) await store.refs.delete(each);
  return { untagged: gone, deleted: lost };
}

async function refuseWithinIndex(store: Store, id: Digest, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const target = (await store.refs.get(name))?.target;
    if (target === undefined || !isIndexType(target.mediaType)) continue;
    throw new TsbuildError('IMAGE_IN_USE', `the image ${shortId(id)} is part of ${familiarName(name)}`, {
      hint: `remove it with all its platforms (tsbuild rmi ${familiarName(name)}), or the name and this image with --force`,
    });
  }
}

async function refuseWhenUsed(id: Digest, image: string, options: RemoveOptions): Promise<void> {
  const use = await options.inUse?.(id);
  if (use === undefined || (options.force === true && !use.running)) return;
  throw new TsbuildError('IMAGE_IN_USE', `cannot remove ${image}: it is used by ${use.by}`, {
    hint: use.running ? 'stop and remove the container first' : 'remove the container first, or use --force',
  });
}

/** Names that point to the image, whichever of its manifests they name; sorted. */
async function namesOf(store: Store, id: Digest): Promise<readonly string[]> {
  const names: string[] = [];
  for (const ref of await store.refs.list()) {
    if ((await imagesOf(store, ref.target)).some((image) => image.id === id)) names.push(ref.name);
  }
  return names.sort();
}

/** With the last tag of a repository go the digests it was known under there. */
async function forgetRepository(
  store: Store,
  id: Digest,
  names: { readonly gone: readonly string[]; readonly left: readonly string[] },
): Promise<void> {
  const record = await store.images.get(id);
  if (record === undefined) return;
  const repositories = (of: readonly string[]) => of.map((name) => repositoryName(parseReference(name)));
  const left = new Set(repositories(names.left));
  const lost = repositories(names.gone).filter((repository) => !left.has(repository));
  const repoDigests = record.repoDigests.filter(
    (digest) => !lost.some((one) => digest.startsWith(`${one}@`)),
  );
  if (repoDigests.length < record.repoDigests.length) await store.images.put({ ...record, repoDigests });
}

function shortId(id: Digest): string {
  return id.slice('sha256:'.length, 'sha256:'.length + 12);
}
