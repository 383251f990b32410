import { TsbuildError, type Digest } from '../core/index.ts';
import { isAttestation, maxManifestBytes, parseManifestOrIndex } from '../oci/index.ts';
import type { Descriptor, Index, Reference } from '../oci/index.ts';
import { pushContent, pushManifest, type OutgoingLayer, type PushOptions } from '../registry/index.ts';
import type { Store } from '../store/types.ts';
import { isImageManifest, repackedIndex } from './index-image.ts';
import { storedBlob } from './outgoing.ts';

/** A manifest of the registry, and the bytes of blobs that travelled for it. */
export interface Sent {
  readonly manifest: Descriptor;
  /** Of the config, where it was made anew for what was sent. */
  readonly config?: Digest | undefined;
  readonly transferred: number;
}

export interface PushIndexOptions extends PushOptions {
  /** Sends an image of the index, under its digest alone. */
  readonly pushImage: (image: Descriptor) => Promise<Sent>;
}

const maxNesting = 3;
/** Of buildx: the image that an attestation in the same index is about. */
const aboutAnnotation = 'vnd.docker.reference.digest';

/**
 * Sends the images of an index one after the other, and the index after them under the reference's tag, or its digest
 * alone (G-30): only parts that the repository lacks travel. The index goes byte for byte, unless images are packed on their
 * way and so get other manifests; attestations, which are about manifests, are left out where theirs is another now.
 */
export async function pushIndex(
  store: Store,
  target: { readonly reference: Reference; readonly index: Descriptor },
  options: PushIndexOptions,
): Promise<Sent> {
  return sendIndex({ ...target, store, options, sent: new Map() }, target.index, 0);
}

interface Work {
  readonly store: Store;
  readonly reference: Reference;
  readonly options: PushIndexOptions;
  /** What has gone already, of whatever index below the one. */
  readonly sent: Map<Digest, Descriptor>;
}

async function sendIndex(work: Work, descriptor: Descriptor, depth: number): Promise<Sent> {
  const { store, reference, options } = work;
  const { raw, parsed } = await readManifest(store, descriptor);
  if (parsed.kind !== 'index' || depth >= maxNesting)
    throw new TsbuildError('IMAGE_INVALID', `${descriptor.digest} is not an index of images`);
  const { sent } = work;
  let transferred = 0;
  // Images first: what is about them follows them, or does not.
  for (const entry of parsed.index.manifests.toSorted(byAttestation)) {
    if (sent.has(entry.digest) || isOutdated(entry, sent)) continue;
    const one = await sendEntry(work, entry, depth);
    sent.set(entry.digest, one.manifest);
    transferred += one.transferred;
  }
  const repacked = repackedIndex(parsed.index, sentEntries(parsed.index, sent));
  const bytes = repacked?.bytes ?? raw;
  const mediaType = repacked?.descriptor.mediaType ?? parsed.mediaType;
  const to = depth === 0 ? reference : untagged(reference);
  const manifest = await pushManifest(to, { bytes, mediaType }, options);
  return { manifest, transferred };
}

function byAttestation(one: Descriptor, other: Descriptor): number {
  return Number(isAttestation(one)) - Number(isAttestation(other));
}

function isOutdated(entry: Descriptor, sent: ReadonlyMap<Digest, Descriptor>): boolean {
  const about = entry.annotations?.[aboutAnnotation];
  const image = about === undefined ? undefined : sent.get(about as Digest);
  return isAttestation(entry) && image !== undefined && image.digest !== about;
}

async function sendEntry(work: Work, entry: Descriptor, depth: number): Promise<Sent> {
  const { mediaType, digest, size } = entry;
  const { raw, parsed } = await readManifest(work.store, entry);
  if (parsed.kind === 'index') return sendIndex(work, { mediaType, digest, size }, depth + 1);
  const { manifest } = parsed;
  if (isImageManifest(manifest) && !isAttestation(entry))
    return work.options.pushImage({ mediaType, digest, size });
  const layers = manifest.layers.map((descriptor): OutgoingLayer => {
    const source = storedBlob(work.store, descriptor);
    return { known: undefined, prepare: async () => ({ descriptor, source }), mounts: () => [] };
  });
  const config = storedBlob(work.store, manifest.config);
  const outgoing = { layers, config, mountRepositories: [], manifest: () => ({ bytes: raw, mediaType }) };
  return pushContent(untagged(work.reference), outgoing, work.options);
}

/** What is left out did not go. */
function sentEntries(index: Index, sent: ReadonlyMap<Digest, Descriptor>): readonly Descriptor[] {
  return index.manifests.flatMap((entry): readonly Descriptor[] => {
    const manifest = sent.get(entry.digest);
    return manifest === undefined ? [] : [{ ...entry, ...manifest }];
  });
}

function untagged({ registry, repository }: Reference): Reference {
  return { registry, repository };
}

async function readManifest(store: Store, { digest, mediaType }: Descriptor) {
  const raw = await store.blobs.read(digest, maxManifestBytes);
  return { raw, parsed: parseManifestOrIndex(raw, mediaType) };
}
