import * as z from 'zod/mini';

import { maxConfigBytes, maxManifestBytes, mediaTypes, parseImageConfig } from '../../oci/index.ts';
import { isAttestation, parseIndex, parseManifestOrIndex, selectPlatform } from '../../oci/index.ts';
import type { Descriptor, Manifest, Platform } from '../../oci/index.ts';
import type { Store } from '../../store/types.ts';
import { isImageManifest } from '../index-image.ts';
import { archiveName, dockerImages, repoTags } from './load-docker.ts';
import type { FoundImage } from './load-docker.ts';
import { invalid } from './members.ts';
import type { Members, StoredMember } from './members.ts';
import { checkSize } from './verify.ts';
import type { LayerVerifier } from './verify.ts';

const { manifest, index, dockerManifest, dockerList } = mediaTypes;
const documentTypes: readonly string[] = [manifest, index, dockerManifest, dockerList];

const layoutSchema = z.looseObject({ imageLayoutVersion: z.string() });

interface Load {
  readonly store: Store;
  readonly members: Members;
  readonly verifier: LayerVerifier;
  readonly platform: Platform;
  /** Keep an index whole where all of it came, instead of the image for the platform. */
  readonly whole: boolean;
}

/**
 * The images of an OCI archive (image-layout.md in a tar), manifests kept byte for byte. Names come from the annotations of
 * index.json and, where an engine wrote both forms into one archive, from its manifest.json.
 */
export async function loadOciImages(load: Load): Promise<readonly FoundImage[]> {
  checkLayout(load.members.document('oci-layout'));
  const index = parseIndex(load.members.document('index.json') ?? new Uint8Array());
  const names = dockerNames(load.members);
  const found: FoundImage[] = [];
  for (const group of groupByName(index.manifests)) {
    const entry =
      group.entries.length === 1 ? group.entries[0] : selectPlatform(load.platform, group.entries);
    const image = entry === undefined ? undefined : await loadEntry(load, entry, 0);
    if (image === undefined) continue;
    const { id } = image;
    found.push({ ...image, names: [...new Set([...group.names, ...(names.get(id) ?? [])])] });
  }
  return mergeById(found);
}

function checkLayout(document: Uint8Array | undefined): void {
  if (document === undefined) throw invalid('it has index.json but no oci-layout');
  const parsed = layoutSchema.safeParse(jsonOf(document));
  if (!parsed.success) throw invalid('its oci-layout has no version');
  if (!parsed.data.imageLayoutVersion.startsWith('1.')) {
    throw invalid(
      `its layout has the version ${JSON.stringify(parsed.data.imageLayoutVersion)}, known is 1.0.0`,
    );
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

interface Group {
  readonly names: readonly string[];
  readonly entries: readonly Descriptor[];
}

/** The entries of one name are one image for several platforms; one without a name stands for itself. */
function groupByName(entries: readonly Descriptor[]): readonly Group[] {
  const named = Map.groupBy(entries, (entry) => annotatedName(entry) ?? entry);
  return [...named].map(([key, group]) => ({ names: typeof key === 'string' ? [key] : [], entries: group }));
}

/**
 * containerd's annotation is a full name. The OCI one is free: a reference for some tools, a bare tag for others, and
 * a bare word is taken for a tag, which names nothing on its own.
 */
function annotatedName({ annotations }: Descriptor): string | undefined {
  const full = annotations?.['io.containerd.image.name'];
  if (full !== undefined) return archiveName(full);
  const name = annotations?.['org.opencontainers.image.ref.name'];
  return name === undefined || !/[/:]/.test(name) ? undefined : archiveName(name);
}

/** Undefined for what is no image: attestations, and entries of kinds that are not known. */
async function loadEntry(
  load: Load,
  entry: Descriptor,
  depth: number,
): Promise<Omit<FoundImage, 'names'> | undefined> {
  if (isAttestation(entry)) return undefined;
  if (!documentTypes.includes(entry.mediaType)) return undefined;
  const stored = await storedBlob(load, entry);
  const parsed = parseManifestOrIndex(
    await load.store.blobs.read(stored.digest, maxManifestBytes),
    entry.mediaType,
  );
  if (parsed.kind === 'manifest') {
    const { mediaType, digest, size } = entry;
    const manifest = { mediaType, digest, size };
    return isImageManifest(parsed.manifest)
      ? { id: await checkImage(load, parsed.manifest), manifest }
      : undefined;
  }
  if (depth > 2) throw invalid('its indexes are nested too deeply');
  // An engine saves the platforms that it has and the index as it was.
  const present: Descriptor[] = [];
  for (const one of parsed.index.manifests) if ((await find(load, one)) !== undefined) present.push(one);
  const isWhole = load.whole && depth === 0 && present.length === parsed.index.manifests.length;
  if (isWhole && present.filter((one) => !isAttestation(one)).length > 1)
    return loadWhole(load, entry, present);
  const chosen = selectPlatform(load.platform, present);
  if (chosen === undefined) throw invalid('its index has no image for this platform');
  return loadEntry(load, chosen, depth + 1);
}

async function loadWhole(
  load: Load,
  { mediaType, digest, size }: Descriptor,
  entries: readonly Descriptor[],
): Promise<Omit<FoundImage, 'names'> | undefined> {
  const members: { id: FoundImage['id']; manifest: Descriptor; platform: Platform | undefined }[] = [];
  const known = new Map<string, Omit<FoundImage, 'names'> | undefined>();
  for (const entry of entries) {
    // One may be named thousands of times.
    const image = known.has(entry.digest) ? known.get(entry.digest) : await loadEntry(load, entry, 1);
    known.set(entry.digest, image);
    if (image !== undefined) members.push({ ...image, platform: entry.platform });
    else await checkParts(load, entry);
  }
  const chosen = selectPlatform(load.platform, members) ?? members[0];
  if (chosen === undefined) throw invalid('its index has no images');
  const { id, manifest } = chosen;
  return { id, manifest, index: { mediaType, digest, size }, members };
}

/** What is no image has its blobs, too: an index that is kept must be whole to be sent on. */
async function checkParts(load: Load, entry: Descriptor): Promise<void> {
  if (!documentTypes.includes(entry.mediaType)) return;
  const parsed = parseManifestOrIndex(
    await load.store.blobs.read(entry.digest, maxManifestBytes),
    entry.mediaType,
  );
  if (parsed.kind === 'index') throw invalid(`${entry.digest} is an index without an image`);
  for (const blob of [parsed.manifest.config, ...parsed.manifest.layers]) await storedBlob(load, blob);
}

async function checkImage(load: Load, manifest: Manifest): Promise<FoundImage['id']> {
  const { digest } = await storedBlob(load, manifest.config);
  const config = parseImageConfig(await load.store.blobs.read(digest, maxConfigBytes));
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw invalid(`an image has ${manifest.layers.length} layers, its config ${diffIds.length}`);
  }
  for (const [index, diffId] of diffIds.entries()) {
    const layer = manifest.layers[index];
    if (layer !== undefined) await load.verifier.describe(await storedBlob(load, layer), diffId);
  }
  return digest;
}

async function storedBlob(load: Load, descriptor: Descriptor): Promise<StoredMember> {
  const stored = await find(load, descriptor);
  if (stored === undefined) throw invalid(`the blob ${descriptor.digest} is missing`);
  checkSize(descriptor, stored);
  return stored;
}

/** In the archive, or else in the store: archives of changes only are written without what the other side has. */
async function find({ store, members }: Load, { digest }: Descriptor): Promise<StoredMember | undefined> {
  const member = members.blob(`blobs/${digest.replace(':', '/')}`);
  if (member !== undefined) return member;
  const stat = await store.blobs.stat(digest);
  return stat === undefined ? undefined : { digest, size: stat.size };
}

/** Names in manifest.json by image id. */
function dockerNames(members: Members): ReadonlyMap<string, readonly string[]> {
  return new Map(
    dockerImages(members).map((image) => [members.blob(image.Config)?.digest ?? '', repoTags(image)]),
  );
}

/** An image with two names stands in index.json twice. */
function mergeById(found: readonly FoundImage[]): readonly FoundImage[] {
  const merged = new Map<string, FoundImage>();
  for (const image of found) {
    const key = image.index?.digest ?? image.id;
    const earlier = merged.get(key);
    const names = [...new Set([...(earlier?.names ?? []), ...image.names])];
    merged.set(key, { ...(earlier ?? image), names });
  }
  return [...merged.values()];
}
