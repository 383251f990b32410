import { TsbuildError } from '../core/index.ts';
import type { Digest } from '../core/index.ts';
import { familiarName, formatReference, parseReference, repositoryName } from '../oci/index.ts';
import type { Store } from '../store/types.ts';
import { idOfManifest, resolveImage } from './resolve.ts';

/** Gives an image of the store a further name; a name that another image had moves. Returns the full name. */
export async function tagImage(store: Store, image: string, name: string): Promise<string> {
  const reference = parseReference(name);
  if (reference.digest !== undefined) {
    throw new TsbuildError('REFERENCE_INVALID', `cannot give an image the name ${name}: it has a digest`, {
      hint: 'a digest follows from the content; give a tag',
    });
  }
  const { manifest } = await resolveImage(store, image);
  const full = formatReference(reference);
  await store.refs.set({ name: full, target: manifest });
  return full;
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
 * while several names point to it. Throws IMAGE_IN_USE, IMAGE_NOT_FOUND.
 */
export async function removeImage(
  store: Store,
  image: string,
  options: RemoveOptions = {},
): Promise<RemovedImage> {
  const { id, name } = await resolveImage(store, image);
  const names = await namesOf(store, id);
  const removesAll = name === undefined || names.every((other) => other === name);
  if (name === undefined && names.length > 1 && options.force !== true) {
    throw new TsbuildError('IMAGE_IN_USE', `the image ${shortId(id)} has several names`, {
      hint: `remove them by name (${names.map(familiarName).join(', ')}), or all with --force`,
    });
  }
  if (removesAll) await refuseWhenUsed(id, image, options);
  const untagged = name === undefined ? names : [name];
  for (const gone of untagged) await store.refs.delete(gone);
  if (!removesAll) {
    await forgetRepository(store, id, { gone: untagged, left: names.filter((other) => other !== name) });
    return { untagged, deleted: [] };
  }
  await store.images.delete(id);
  return { untagged, deleted: [id] };
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
    if ((await idOfManifest(store, ref.target)) === id) names.push(ref.name);
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
