import { canonicalJson, digestOf, type Digest, type Json } from '../core/index.ts';
import {
  isAttestation,
  maxConfigBytes,
  maxManifestBytes,
  mediaTypes,
  normalizePlatform,
  parseImageConfig,
  parseManifestOrIndex,
} from '../oci/index.ts';
import type { Descriptor, Index, Manifest, Platform } from '../oci/types.ts';
import type { Store } from '../store/types.ts';

/** An image that a name or an index stands for. */
export interface IndexMember {
  /** Digest of the config. */
  readonly id: Digest;
  /** Media type, digest and size alone. */
  readonly manifest: Descriptor;
  /** As the index says, else the image's own; undefined for a manifest that no index led to. */
  readonly platform: Platform | undefined;
}

/** An index of the store with its bytes, which its digest is of. */
export interface StoredIndex {
  readonly index: Index;
  readonly descriptor: Descriptor;
  readonly raw: Uint8Array;
}

/** An entry of an index to be written. */
export interface IndexEntry {
  readonly manifest: Descriptor;
  readonly platform?: Platform | undefined;
  /** Of the entry. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

const imageConfigs: readonly string[] = [mediaTypes.config, mediaTypes.dockerConfig];
const maxNesting = 3;

export { isAttestation };

export function isIndexType(mediaType: string): boolean {
  return mediaType === mediaTypes.index || mediaType === mediaTypes.dockerList;
}

/**
 * An OCI index of these manifests, in their order (O-30), as a blob of the store. The same entries give the same bytes. It
 * stays only if a name points to it.
 */
export async function writeIndex(
  store: Store,
  entries: readonly IndexEntry[],
  annotations: Readonly<Record<string, string>> = {},
): Promise<Descriptor> {
  const { raw, descriptor } = assembleIndex(entries.map(entryOf), annotations);
  await store.blobs.put(raw, { digest: descriptor.digest, size: descriptor.size });
  return descriptor;
}

/** An OCI index over these descriptors as they are. */
export function assembleIndex(
  manifests: readonly Descriptor[],
  annotations: Readonly<Record<string, string>> = {},
): { readonly raw: Uint8Array; readonly descriptor: Descriptor } {
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: manifests as unknown as Json,
    annotations: Object.keys(annotations).length === 0 ? undefined : annotations,
  };
  const raw = Buffer.from(canonicalJson(document), 'utf8');
  return {
    raw,
    descriptor: { mediaType: mediaTypes.index, digest: digestOf(raw), size: raw.byteLength },
  };
}

/**
 * The index over other descriptors of its entries, as they leave; undefined when they are the same, as it then goes byte for
 * byte. Over Docker's manifests alone it is a list of Docker's, which has no annotations (O-32): who knows no other manifests
 * knows no other index.
 */
export function repackedIndex(
  index: Index,
  manifests: readonly Descriptor[],
): { readonly bytes: Uint8Array; readonly descriptor: Descriptor } | undefined {
  const isSame = manifests.length === index.manifests.length;
  if (isSame && manifests.every(({ digest }, at) => digest === index.manifests[at]?.digest)) return undefined;
  const isDocker = manifests.every(({ mediaType }) => mediaType === mediaTypes.dockerManifest);
  const mediaType = isDocker ? mediaTypes.dockerList : mediaTypes.index;
  const { annotations, ...rest } = index;
  const document = { ...rest, ...(isDocker ? {} : { annotations }), mediaType, manifests };
  const bytes = Buffer.from(canonicalJson(document as unknown as Json), 'utf8');
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength } };
}

function entryOf({ manifest, platform, annotations }: IndexEntry): Descriptor {
  const { mediaType, digest, size, artifactType } = manifest;
  const named = annotations === undefined || Object.keys(annotations).length === 0 ? undefined : annotations;
  return {
    mediaType,
    digest,
    size,
    artifactType,
    platform: platform === undefined ? undefined : platformJson(platform),
    annotations: named,
  };
}

function platformJson(platform: Platform): Platform {
  const { os, architecture, variant } = normalizePlatform(platform);
  const [version, features] = [platform['os.version'], platform['os.features']];
  return {
    os,
    architecture,
    variant,
    'os.version': version === '' ? undefined : version,
    'os.features': features === undefined || features.length === 0 ? undefined : features,
  };
}

/** The index of a descriptor; undefined when it is none, or its blob has vanished. Throws IMAGE_INVALID, DIGEST_MISMATCH. */
export async function readIndex(store: Store, descriptor: Descriptor): Promise<StoredIndex | undefined> {
  const { mediaType, digest, size } = descriptor;
  if (!isIndexType(mediaType)) return undefined;
  const raw = await readDocument(store, digest);
  if (raw === undefined) return undefined;
  const parsed = parseManifestOrIndex(raw, mediaType);
  return parsed.kind === 'index'
    ? { index: parsed.index, descriptor: { mediaType, digest, size }, raw }
    : undefined;
}

/**
 * The images behind a manifest or an index that the store has, in the index's order; nested indexes in the place of their
 * first entry, and each entry once. Attestations and artifacts are none.
 */
export async function imagesOf(store: Store, target: Descriptor): Promise<readonly IndexMember[]> {
  return membersOf(store, target, { depth: 0, seen: new Set() });
}

async function membersOf(
  store: Store,
  entry: Descriptor,
  { depth, seen }: { readonly depth: number; readonly seen: Set<string> },
): Promise<readonly IndexMember[]> {
  if (isAttestation(entry)) return [];
  const { mediaType, digest, size } = entry;
  // An index of thousands of entries that all are one such index would be millions of entries.
  const key = `${digest} ${JSON.stringify(entry.platform ?? null)}`;
  if (seen.has(key) || (isIndexType(mediaType) && seen.has(digest))) return [];
  seen.add(key).add(digest);
  const raw = await readDocument(store, digest);
  if (raw === undefined) return [];
  const parsed = parseManifestOrIndex(raw);
  if (parsed.kind === 'index') {
    if (depth >= maxNesting) return [];
    const members: IndexMember[] = [];
    for (const each of parsed.index.manifests)
      members.push(...(await membersOf(store, each, { depth: depth + 1, seen })));
    return members;
  }
  if (depth > 0 && !isImageManifest(parsed.manifest)) return [];
  const { config } = parsed.manifest;
  const manifest = { mediaType, digest, size };
  // Read for every name of the store: nothing more than its manifest, unless there is a choice.
  const platform = depth === 0 ? undefined : (entry.platform ?? (await configPlatform(store, config.digest)));
  return [{ id: config.digest, manifest, platform: platform && normalizePlatform(platform) }];
}

/** Charts, signatures and the like have other configs. */
export function isImageManifest({ config }: Manifest): boolean {
  return imageConfigs.includes(config.mediaType);
}

async function readDocument(store: Store, digest: Digest): Promise<Buffer | undefined> {
  if ((await store.blobs.stat(digest)) === undefined) return undefined;
  return store.blobs.read(digest, maxManifestBytes);
}

async function configPlatform(store: Store, digest: Digest): Promise<Platform | undefined> {
  if ((await store.blobs.stat(digest)) === undefined) return undefined;
  const { os, architecture, variant } = parseImageConfig(await store.blobs.read(digest, maxConfigBytes));
  return { os, architecture, variant };
}
