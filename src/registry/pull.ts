import { TsbuildError, type Digest } from '../core/index.ts';
import {
  familiarName,
  formatReference,
  hostPlatform,
  maxConfigBytes,
  parseImageConfig,
  parseReference,
  repositoryName,
} from '../oci/index.ts';
import type { Descriptor, ImageConfig, Manifest, Platform, Reference } from '../oci/index.ts';
import type { Store } from '../store/types.ts';
import { chooseManifest } from './choose.ts';
import { createRegistryClient, type FetchedManifest } from './client.ts';
import { checkLayers } from './look-up.ts';
import { fetchIndex } from './pull-index.ts';
import { withRepository, type RegistryOptions } from './repository.ts';
import { fetchBlob, fetchLayers } from './transfer.ts';
import type { LayerTap, PullProgress, TappedLayer, Transfers } from './transfer.ts';

export interface PullOptions extends RegistryOptions {
  /** Which image of an index; this machine's unless told. */
  readonly platform?: Platform | undefined;
  /** What the name is known to stand for: asked for in its place. */
  readonly at?: Digest | undefined;
  /** The index as it is, with the images for all its platforms; the name then stands for it. */
  readonly allPlatforms?: boolean | undefined;
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
  /** Asked for who reads along while the lowest layer arrives, if it must; of the one image that is chosen. */
  readonly tapLowest?: ((layer: ArrivingLayer) => LayerTap) | undefined;
}

export interface ArrivingLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

export interface PulledImage {
  readonly id: Digest;
  /** The manifest of the one image that was chosen. */
  readonly manifest: Descriptor;
  /** What the name stands for in the registry: that manifest, or the index it was chosen from. */
  readonly digest: Digest;
  /** `docker.io/library/debian@sha256:…` */
  readonly repoDigest: string;
  /** The name that was set in the store; undefined when it was pulled by digest. */
  readonly name: string | undefined;
  readonly config: ImageConfig;
  /** Bytes that travelled. */
  readonly transferred: number;
}

/**
 * Pulls an image into the store and names it there. Manifest, config and layers are kept byte for byte, each
 * checked against its digest and size; blobs that the store has do not travel. A reference with a digest gives that
 * content or an error (S-66). Throws IMAGE_NOT_FOUND, PLATFORM_MISMATCH, IMAGE_INVALID, DIGEST_MISMATCH and the REGISTRY_ codes.
 */
export async function pullImage(
  store: Store,
  name: string | Reference,
  options: PullOptions = {},
): Promise<PulledImage> {
  const reference = typeof name === 'string' ? parseReference(name) : name;
  return withRepository(reference, { ...options, access: 'pull' }, async (open) => {
    await using lease = await store.lease();
    const { signal, failed } = open;
    return await pull({
      ...{ store, client: createRegistryClient(open), lease, reference, signal, failed },
      platform: options.platform ?? hostPlatform(),
      at: options.at ?? reference.digest ?? reference.tag ?? 'latest',
      allPlatforms: options.allPlatforms ?? false,
      onProgress: options.onProgress,
      tapLowest: options.tapLowest,
      counter: { transferred: 0 },
    });
  });
}

interface Pull extends Transfers {
  readonly reference: Reference;
  readonly platform: Platform;
  /** Tag or digest. */
  readonly at: string;
  readonly allPlatforms: boolean;
  readonly tapLowest: PullOptions['tapLowest'];
}

async function pull(work: Pull): Promise<PulledImage> {
  const { store, client, reference, platform } = work;
  const named = await client.manifest(work.at);
  if (work.allPlatforms && named.parsed.kind === 'index') return pullIndex(work, named);
  const { manifest, descriptor, bytes } = await chooseManifest(client, named, {
    name: familiarName(reference),
    platform,
  });
  await fetchBlob(work, { descriptor: manifest.config, kind: 'config' });
  const config = parseImageConfig(await store.blobs.read(manifest.config.digest, maxConfigBytes));
  checkLayers(manifest, config);

  await fetchLayers(work, manifest.layers, tappedLayer(work, manifest, config));
  await store.blobs.put(bytes, { digest: descriptor.digest, size: descriptor.size });
  const repoDigest = `${repositoryName(reference)}@${named.descriptor.digest}`;
  await record(store, { id: manifest.config.digest, manifest: descriptor, repoDigest });
  const name = reference.digest === undefined ? formatReference(reference) : undefined;
  if (name !== undefined) await store.refs.set({ name, target: descriptor });
  return {
    id: manifest.config.digest,
    manifest: descriptor,
    digest: named.descriptor.digest,
    repoDigest,
    name,
    config,
    transferred: work.counter.transferred,
  };
}

function tappedLayer(
  { tapLowest }: Pull,
  manifest: Manifest,
  { rootfs }: ImageConfig,
): TappedLayer | undefined {
  const [descriptor, diffId] = [manifest.layers[0], rootfs.diff_ids[0]];
  if (tapLowest === undefined || descriptor === undefined || diffId === undefined) return undefined;
  return { digest: descriptor.digest, open: () => tapLowest({ descriptor, diffId }) };
}

async function pullIndex(work: Pull, named: FetchedManifest): Promise<PulledImage> {
  const { store, reference, platform } = work;
  const images = await fetchIndex(work, named, platform);
  const [first] = images;
  if (first === undefined)
    throw new TsbuildError('IMAGE_INVALID', `${familiarName(reference)} is an index without images`);
  const repoDigest = `${repositoryName(reference)}@${named.descriptor.digest}`;
  for (const { id, manifest } of images) await record(store, { id, manifest, repoDigest });
  const name = reference.digest === undefined ? formatReference(reference) : undefined;
  if (name !== undefined) await store.refs.set({ name, target: named.descriptor });
  const { digest } = named.descriptor;
  return { ...first, digest, repoDigest, name, transferred: work.counter.transferred };
}

/** The registry's manifest takes the place of one of this store's own making: it is the one others know (design decision 3). */
async function record(
  store: Store,
  image: { readonly id: Digest; readonly manifest: Descriptor; readonly repoDigest: string },
): Promise<void> {
  await using _lock = await store.lock('images');
  const earlier = await store.images.get(image.id);
  await store.images.put({
    id: image.id,
    manifest: image.manifest,
    added: earlier?.added ?? new Date().toISOString(),
    repoDigests: [...new Set([...(earlier?.repoDigests ?? []), image.repoDigest])].sort(),
    attestations: earlier?.attestations,
  });
}
