import { TsbuildError, type Digest } from '../core/index.ts';
import {
  checkPlatform,
  familiarName,
  formatPlatform,
  formatReference,
  isAttestation,
  normalizePlatform,
  parseReference,
} from '../oci/index.ts';
import type { Descriptor, Platform } from '../oci/types.ts';
import type { Store } from '../store/types.ts';
import { openImage } from './image.ts';
import { readIndex, writeIndex, type IndexEntry } from './index-image.ts';
import { nameTarget } from './names.ts';
import { resolveImage } from './resolve.ts';

/** What may be said of an image where it stands in an index. */
export interface EntryChange {
  /** Members that are given take the place of the image's own. */
  readonly platform?: Partial<Platform> | undefined;
  /** Beside those that are there. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

interface ListContent {
  readonly entries: readonly IndexEntry[];
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * An index of images of the store under a name; of an index among them all images (C-74). With `amend` they are added to the
 * index that has the name. An image for a platform that is there takes its place. Throws IMAGE_NOT_FOUND, USAGE.
 */
export async function createManifestList(
  store: Store,
  name: string,
  {
    images,
    amend = false,
    annotations = {},
  }: {
    readonly images: readonly string[];
    readonly amend?: boolean | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  },
): Promise<Descriptor> {
  await using _change = await beginChange(store);
  const full = formatReference(parseReference(name));
  const target = (await store.refs.get(full))?.target;
  if (target !== undefined && !amend) {
    throw new TsbuildError('USAGE', `the name ${familiarName(full)} is taken`, {
      hint: '--amend adds to an index, tsbuild manifest rm or tsbuild rmi frees the name',
    });
  }
  let content: ListContent = target === undefined ? empty : await contentOf(store, name);
  for (const image of images) content = withEntries(content, await entriesOf(store, image, {}));
  return await write(store, name, { ...content, annotations: { ...content.annotations, ...annotations } });
}

/** Adds an image to the index of that name, under another platform or with annotations where these are given. */
export async function addToManifestList(
  store: Store,
  { name, image }: ListedImage,
  change: EntryChange,
): Promise<Descriptor> {
  await using _change = await beginChange(store);
  const content = await contentOf(store, name);
  return await write(store, name, withEntries(content, await entriesOf(store, image, change)));
}

/** Changes what an index says of one of its images, which is named by its manifest's digest, or as an image of the store. */
export async function annotateManifestList(
  store: Store,
  { name, image }: ListedImage,
  change: EntryChange,
): Promise<Descriptor> {
  await using _change = await beginChange(store);
  const content = await contentOf(store, name);
  const digest = await digestIn(store, content, { name, image });
  const entries = content.entries.map((entry) =>
    entry.manifest.digest === digest ? changed(entry, change) : entry,
  );
  return await write(store, name, { ...content, entries });
}

/** Takes an image out of the index of that name; what is about it goes with it. */
export async function removeFromManifestList(
  store: Store,
  { name, image }: ListedImage,
): Promise<Descriptor> {
  await using _change = await beginChange(store);
  const content = await contentOf(store, name);
  const digest = await digestIn(store, content, { name, image });
  const entries = content.entries.filter(
    ({ manifest, annotations }) =>
      manifest.digest !== digest && annotations?.['vnd.docker.reference.digest'] !== digest,
  );
  return await write(store, name, { ...content, entries });
}

/** Jobs that add an image each to one index wait for each other: the second would undo what the first has done. */
async function beginChange(store: Store): Promise<AsyncDisposable> {
  await using held = new AsyncDisposableStack();
  held.use(await store.lock('manifest-lists'));
  held.use(await store.lease());
  return held.move();
}

/** An index by its name, and an image in it. */
export interface ListedImage {
  readonly name: string;
  readonly image: string;
}

const empty: ListContent = { entries: [], annotations: {} };

async function contentOf(store: Store, name: string): Promise<ListContent> {
  const full = formatReference(parseReference(name));
  const target = (await store.refs.get(full))?.target;
  const stored = target === undefined ? undefined : await readIndex(store, target);
  if (stored !== undefined) {
    const { manifests, annotations = {} } = stored.index;
    return { entries: manifests.map(entryOf), annotations };
  }
  throw new TsbuildError(
    'IMAGE_NOT_FOUND',
    target === undefined ? `no such index: ${familiarName(full)}` : `${familiarName(full)} is not an index`,
    { hint: 'tsbuild manifest create makes one' },
  );
}

function entryOf(descriptor: Descriptor): IndexEntry {
  const { platform, annotations, ...manifest } = descriptor;
  return { manifest, platform, annotations };
}

async function entriesOf(store: Store, image: string, change: EntryChange): Promise<readonly IndexEntry[]> {
  const { manifest, index } = await resolveImage(store, image);
  const stored = index === undefined ? undefined : await readIndex(store, index);
  if (stored !== undefined) {
    if (change.platform !== undefined)
      throw new TsbuildError('USAGE', `${image} stands for several platforms: there is none to be changed`);
    return stored.index.manifests.map((entry) => changed(entryOf(entry), change));
  }
  const { os, architecture, variant } = (await openImage(store, manifest)).config;
  return [changed({ manifest, platform: { os, architecture, variant } }, change)];
}

function changed(entry: IndexEntry, { platform, annotations }: EntryChange): IndexEntry {
  const given = Object.fromEntries(
    Object.entries(platform ?? {}).filter(([, value]) => value !== undefined),
  ) as Partial<Platform>;
  const isOther = given.architecture !== undefined && given.architecture !== entry.platform?.architecture;
  const is = {
    ...{ os: 'linux', architecture: 'unknown', ...entry.platform },
    // Of an architecture that it is not.
    ...(isOther ? { variant: undefined } : {}),
    ...given,
  };
  return {
    ...entry,
    // What is in the index already is kept, whatever it says.
    platform: platform === undefined ? entry.platform : checkPlatform(normalizePlatform(is)),
    annotations: { ...entry.annotations, ...annotations },
  };
}

function withEntries(content: ListContent, added: readonly IndexEntry[]): ListContent {
  const entries = [...content.entries];
  for (const entry of added) {
    const at = entries.findIndex((earlier) => keyOf(earlier) === keyOf(entry));
    if (at < 0) entries.push(entry);
    else entries[at] = entry;
  }
  return { ...content, entries };
}

function keyOf({ manifest, platform, annotations }: IndexEntry): string {
  if (platform === undefined || isAttestation({ ...manifest, platform, annotations })) return manifest.digest;
  const normal = normalizePlatform(platform);
  return `${formatPlatform(normal)} ${normal['os.version'] ?? ''}`;
}

async function digestIn(
  store: Store,
  { entries }: ListContent,
  { name, image }: ListedImage,
): Promise<Digest> {
  const byDigest = entries.find(({ manifest }) => manifest.digest === image);
  if (byDigest !== undefined) return byDigest.manifest.digest;
  const { manifest } = await resolveImage(store, image);
  if (entries.some((entry) => entry.manifest.digest === manifest.digest)) return manifest.digest;
  throw new TsbuildError('IMAGE_NOT_FOUND', `${image} is not in ${name}`, {
    hint: `tsbuild manifest inspect ${name} lists what is in it`,
  });
}

async function write(store: Store, name: string, content: ListContent): Promise<Descriptor> {
  const index = await writeIndex(store, content.entries, content.annotations);
  await nameTarget(store, index, name);
  return index;
}
