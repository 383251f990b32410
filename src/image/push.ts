import { TsbuildError, type Digest } from '../core/index.ts';
import {
  formatReference,
  hostPlatform,
  maxManifestBytes,
  parseManifest,
  parseReference,
  repositoryName,
  selectPlatform,
} from '../oci/index.ts';
import type { Descriptor, Reference } from '../oci/index.ts';
import { pushContent, type OutgoingLayer, type PushOptions } from '../registry/index.ts';
import type { Store } from '../store/types.ts';
import { keptAttestations } from './attestations/keep.ts';
import { pushAttestations } from './attestations/push.ts';
import type { Attestation } from './attestations/types.ts';
import { openImage, type Layer } from './image.ts';
import { imagesOf, isIndexType, type IndexMember } from './index-image.ts';
import { blobOfBytes, knownForm, packLayer, storedBlob, type PackLayerOptions } from './outgoing.ts';
import { SentConfig } from './packed-config.ts';
import {
  changesDiffIds,
  layerPacking,
  packedManifest,
  packingOf,
  type Packing,
  type PackingOptions,
} from './packing.ts';
import { pushIndex, type Sent } from './push-index.ts';
import { resolveImage } from './resolve.ts';

export interface PushImageOptions extends PushOptions, PackingOptions {
  /** The manifest or the index that is pushed; unless told, what the name stands for in the store. */
  readonly image?: Descriptor | undefined;
  /** What is said of images, by their ids; what the store keeps, unless told. */
  readonly attestations?: ReadonlyMap<Digest, readonly Attestation[]> | undefined;
  /** Under its digest alone: the name's tag is left as it is. */
  readonly byDigest?: boolean | undefined;
}

export interface PushedImage {
  /** Digest of the config; of an index, of its image for this machine, or else its first. */
  readonly id: Digest;
  readonly manifest: Descriptor;
  /** Of the config that was pushed; undefined for an index. */
  readonly config: Digest | undefined;
  /** `localhost:5000/app@sha256:…` */
  readonly repoDigest: string;
  /** Bytes of blobs that travelled. */
  readonly transferred: number;
}

/**
 * Pushes the image of this name to the registry that the name says, and records its repo digest; of an index all its images
 * and itself. An image that came from a registry goes byte for byte. Its id is the same everywhere, unless its layers become
 * eStargz: what went is another image then, and no repo digest of this one. Throws IMAGE_NOT_FOUND, DIGEST_MISMATCH,
 * INTERRUPTED, REFERENCE_INVALID and the REGISTRY_ codes.
 */
export async function pushImage(
  store: Store,
  name: string,
  options: PushImageOptions = {},
): Promise<PushedImage> {
  const reference = parseReference(name);
  if (reference.digest !== undefined) {
    throw new TsbuildError('REFERENCE_INVALID', `cannot push to a digest: ${name}`, {
      hint: 'give a tag instead: the digest follows from the image',
    });
  }
  await using lease = await store.lease();
  const target = options.image ?? (await namedTarget(store, formatReference(reference)));
  // What it names is kept with it.
  await lease.keep({ blob: target.digest });
  const { registry, repository, tag } = reference;
  const to = options.byDigest === true ? { registry, repository } : { registry, repository, tag };
  const sentConfigs = new Set<Digest | undefined>();
  const send = async (place: Reference, image: Descriptor): Promise<Sent> => {
    const one = await sendImage(store, { reference: place, image }, options);
    sentConfigs.add(one.config);
    return one;
  };
  const sent = isIndexType(target.mediaType)
    ? await pushIndex(
        store,
        { reference: to, index: target },
        { ...options, pushImage: async (image) => send({ registry, repository }, image) },
      )
    : await send(to, target);
  const repoDigest = `${repositoryName(reference)}@${sent.manifest.digest}`;
  const images = await imagesOf(store, target);
  for (const { id, manifest } of images) {
    // What is pushed past the store is none of the store's images.
    const isKept = options.image === undefined || (await store.images.get(id)) !== undefined;
    // Under that digest others find an image of the config that went: with eStargz layers it is not this one.
    if (isKept && sentConfigs.has(id)) await recordRepoDigest(store, { id, manifest }, repoDigest);
  }
  const own = selectPlatform(hostPlatform(), images) ?? images[0];
  if (own === undefined) throw new TsbuildError('IMAGE_INVALID', `${name} has no images`);
  return { ...sent, id: own.id, config: isIndexType(target.mediaType) ? undefined : sent.config, repoDigest };
}

async function namedTarget(store: Store, name: string): Promise<Descriptor> {
  const { index, manifest } = await resolveImage(store, name);
  return index ?? manifest;
}

/** An image, and what is said of it. */
async function sendImage(
  store: Store,
  target: { readonly reference: Reference; readonly image: Descriptor },
  options: PushImageOptions,
): Promise<Sent> {
  const { reference } = target;
  const image = await openImage(store, target.image);
  await using folder = await store.tempDir();
  const lenders = await findLenders(store, reference);
  const packing = await packingOf(store, image, options);
  const sentConfig = new SentConfig(image);
  const work = { packing, folder: folder.path, lenders, signal: options.signal, sentConfig };
  // An image may have the same layer twice.
  const distinct = new Map(image.layers.map((layer) => [layer.descriptor.digest, layer]));
  const outgoing = new Map<Digest, OutgoingLayer>();
  for (const [digest, layer] of distinct) outgoing.set(digest, await outgoingLayer(store, layer, work));
  const layers = image.layers.flatMap(({ descriptor }) => outgoing.get(descriptor.digest) ?? []);
  const pushed = await pushContent(
    reference,
    {
      layers,
      config: changesDiffIds(packing)
        ? async (sent) => {
            const { descriptor, bytes } = sentConfig.over(sent);
            return blobOfBytes(descriptor.digest, bytes);
          }
        : storedBlob(store, image.manifest.config),
      manifest: (sent) => {
        const config = sentConfig.over(sent).descriptor;
        return packedManifest(image, sent, { packing, config });
      },
      mountRepositories: [...new Set([...lenders.values()].flat())].slice(0, maxLenders),
    },
    options,
  );
  const attestations = options.attestations?.get(image.id) ?? (await keptAttestations(store, image.id));
  // Not by its tag: under a second one the same would be said once more.
  const names = [`${repositoryName(reference)}@${pushed.manifest.digest}`];
  await pushAttestations(
    reference,
    pushed.manifest,
    { attestations, names, platform: image.config },
    options,
  );
  return { ...pushed, config: sentConfig.over(pushed.layers).descriptor.digest };
}

async function outgoingLayer(
  store: Store,
  layer: Layer,
  work: Pick<PackLayerOptions, 'folder' | 'signal'> & {
    readonly packing: Packing;
    readonly lenders: Lenders;
    readonly sentConfig: SentConfig;
  },
): Promise<OutgoingLayer> {
  const { packing, folder, lenders, signal, sentConfig } = work;
  const mounts = (digest: Digest): readonly string[] =>
    [...new Set([...(lenders.get(digest) ?? []), ...(lenders.get(layer.diffId) ?? [])])].slice(0, 3);
  const form = layerPacking(layer, packing);
  if (form === undefined) {
    const { descriptor } = layer;
    const source = storedBlob(store, descriptor);
    return { known: undefined, prepare: () => Promise.resolve({ descriptor, source }), mounts };
  }
  const known = await knownForm(store, layer.diffId, form);
  if (known !== undefined) sentConfig.note(known);
  const { descriptor, diffId } = layer;
  return {
    ...{ known: known?.descriptor, mounts },
    plain: descriptor.digest === diffId ? descriptor : undefined,
    prepare: async (early) => {
      const packed = await packLayer(store, layer, { form, folder, signal, early });
      sentConfig.note(packed);
      return packed;
    },
  };
}

/** The image keeps its own manifest; the repo digest is that of the one that was pushed. */
async function recordRepoDigest(
  store: Store,
  image: Pick<IndexMember, 'id' | 'manifest'>,
  repoDigest: string,
): Promise<void> {
  await using _lock = await store.lock('images');
  const earlier = await store.images.get(image.id);
  await store.images.put({
    id: image.id,
    manifest: earlier?.manifest ?? image.manifest,
    added: earlier?.added ?? new Date().toISOString(),
    repoDigests: [...new Set([...(earlier?.repoDigests ?? []), repoDigest])].sort(),
    attestations: earlier?.attestations,
  });
}

/** By blob, repositories of one registry that may have it. */
type Lenders = ReadonlyMap<Digest, readonly string[]>;

/** Each is a scope of the token, and a URL is not endless. */
const maxLenders = 10;

/** What was pulled from or pushed to other repositories of this registry can be mounted from there (G-30). */
async function findLenders(store: Store, { registry, repository }: Reference): Promise<Lenders> {
  const lenders = new Map<Digest, string[]>();
  const repositories = new Set<string>();
  for (const { manifest, repoDigests } of await store.images.list()) {
    const elsewhere = repoDigests
      .filter((one) => one.startsWith(`${registry}/`))
      .map((one) => one.slice(registry.length + 1).replace(/@.*$/, ''))
      .filter((one) => one !== repository);
    if (elsewhere.length === 0 || (await store.blobs.stat(manifest.digest)) === undefined) continue;
    for (const { digest } of await layersOf(store, manifest)) {
      for (const one of elsewhere) {
        if (!repositories.has(one) && repositories.size >= maxLenders) continue;
        repositories.add(one);
        lenders.set(digest, [...new Set([...(lenders.get(digest) ?? []), one])]);
      }
    }
  }
  return lenders;
}

/** None where the manifest is damaged: another image's is no reason not to push this one. */
async function layersOf(store: Store, { digest, mediaType }: Descriptor): Promise<readonly Descriptor[]> {
  try {
    return parseManifest(await store.blobs.read(digest, maxManifestBytes), mediaType).layers;
  } catch (error) {
    if (error instanceof TsbuildError) return [];
    throw error;
  }
}
