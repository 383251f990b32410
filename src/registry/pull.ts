import PQueue from 'p-queue';

import { TsbuildError } from '../core/index.ts';
import type { Digest } from '../core/index.ts';
import {
  familiarName,
  formatPlatform,
  formatReference,
  hostPlatform,
  maxConfigBytes,
  parseImageConfig,
  parseReference,
  registryHost,
  repositoryName,
  selectPlatform,
} from '../oci/index.ts';
import type { Descriptor, ImageConfig, Manifest, Platform, Reference } from '../oci/index.ts';
import type { Lease, Store } from '../store/types.ts';
import { createRegistryClient } from './client.ts';
import type { FetchedManifest, RegistryClient } from './client.ts';
import { registryFailure } from './failure.ts';
import { defaultRetryPolicy } from './retry.ts';
import type { RetryPolicy } from './retry.ts';

export interface PullOptions {
  /** Which image of an index; this machine's unless told. */
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Milliseconds without a byte after which a transfer is begun anew; 60 s unless told. */
  readonly stall?: number | undefined;
}

/** One blob on its way; called for every chunk. */
export interface PullProgress {
  readonly digest: Digest;
  readonly kind: 'config' | 'layer';
  /** `present`: it was in the store already and did not travel. */
  readonly state: 'waiting' | 'transferring' | 'done' | 'present';
  /** Bytes. */
  readonly current: number;
  readonly total: number;
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

const parallelTransfers = 4;

/**
 * Pulls an image anonymously into the store and names it there. Manifest, config and layers are kept byte for byte, each
 * checked against its digest and size; blobs that the store has do not travel. A reference with a digest gives that
 * content or an error (S-66). Throws IMAGE_NOT_FOUND, PLATFORM_MISMATCH, IMAGE_INVALID, DIGEST_MISMATCH and the REGISTRY_ codes.
 */
export async function pullImage(
  store: Store,
  name: string | Reference,
  options: PullOptions = {},
): Promise<PulledImage> {
  const reference = typeof name === 'string' ? parseReference(name) : name;
  const host = registryHost(reference.registry);
  // The first blob that fails stops the others.
  const failed = new AbortController();
  const signal =
    options.signal === undefined ? failed.signal : AbortSignal.any([options.signal, failed.signal]);
  const client = createRegistryClient({
    host,
    repository: reference.repository,
    signal,
    retry: options.retry ?? defaultRetryPolicy,
    stall: options.stall ?? 60_000,
  });
  try {
    await using lease = await store.lease();
    return await pull({ store, client, reference, options, lease, failed, signal });
  } catch (error) {
    if (options.signal?.aborted === true) {
      throw new TsbuildError('INTERRUPTED', `the pull of ${familiarName(reference)} was stopped`, {
        cause: error,
      });
    }
    throw registryFailure(error, { name: familiarName(reference), host });
  }
}

interface Pull {
  readonly store: Store;
  readonly client: RegistryClient;
  readonly reference: Reference;
  readonly options: PullOptions;
  readonly lease: Lease;
  readonly failed: AbortController;
  readonly signal: AbortSignal;
}

async function pull(work: Pull): Promise<PulledImage> {
  const { store, client, reference, options } = work;
  const named = await client.manifest(reference.digest ?? reference.tag ?? 'latest');
  const { manifest, descriptor, bytes } = await chooseManifest(client, named, {
    name: familiarName(reference),
    platform: options.platform ?? hostPlatform(),
  });
  const counter = { transferred: 0 };
  await fetchBlob(work, { descriptor: manifest.config, kind: 'config', counter });
  const config = parseImageConfig(await store.blobs.read(manifest.config.digest, maxConfigBytes));
  checkLayers(manifest, config);

  await fetchLayers(work, manifest.layers, counter);
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
    transferred: counter.transferred,
  };
}

interface ChosenManifest {
  readonly manifest: Manifest;
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** Of an index the image for the platform; an index may stand in an index once. */
async function chooseManifest(
  client: RegistryClient,
  named: FetchedManifest,
  wanted: { readonly name: string; readonly platform: Platform },
): Promise<ChosenManifest> {
  let fetched = named;
  for (let depth = 0; depth < 3; depth += 1) {
    const { descriptor, bytes, parsed } = fetched;
    if (parsed.kind === 'manifest') {
      refuseArtifact(parsed.manifest, wanted.name);
      return { manifest: parsed.manifest, descriptor, bytes };
    }
    const entry = selectPlatform(wanted.platform, parsed.index.manifests);
    if (entry === undefined) throw noPlatform(parsed.index.manifests, wanted);
    fetched = await client.manifest(entry.digest);
    if (fetched.descriptor.size !== entry.size) {
      throw new TsbuildError(
        'DIGEST_MISMATCH',
        `the manifest ${entry.digest} has another size than its index says`,
      );
    }
  }
  throw new TsbuildError('IMAGE_INVALID', `${wanted.name} is an index of indexes of indexes`);
}

function noPlatform(
  entries: readonly Descriptor[],
  { name, platform }: { readonly name: string; readonly platform: Platform },
): TsbuildError {
  const offered = entries
    .flatMap((entry) => entry.platform ?? [])
    .map(formatPlatform)
    .filter((text) => !text.startsWith('unknown'));
  return new TsbuildError('PLATFORM_MISMATCH', `${name} has no image for ${formatPlatform(platform)}`, {
    hint: `it has ${[...new Set(offered)].slice(0, 20).join(', ') || 'none at all'}`,
  });
}

/** Charts, signatures and the like are stored as manifests too; their config is no image config. */
function refuseArtifact(manifest: Manifest, name: string): void {
  const type = manifest.artifactType ?? manifest.config.mediaType;
  if (
    /^application\/vnd\.(oci\.image\.config|docker\.container\.image)\.v1\+json$/.test(
      manifest.config.mediaType,
    )
  )
    return;
  throw new TsbuildError('IMAGE_INVALID', `${name} is not a container image but ${type}`);
}

function checkLayers(manifest: Manifest, config: ImageConfig): void {
  const [has, promises] = [manifest.layers.length, config.rootfs.diff_ids.length];
  if (has === promises) return;
  throw new TsbuildError('IMAGE_INVALID', `the manifest has ${has} layers, its config ${promises}`);
}

/** The first failure stops the other transfers; none is left running when this returns. */
async function fetchLayers(
  work: Pull,
  layers: readonly Descriptor[],
  counter: BlobJob['counter'],
): Promise<void> {
  const queue = new PQueue({ concurrency: parallelTransfers });
  // An image may have the same layer twice.
  const distinct = new Map(layers.map((layer) => [layer.digest, layer]));
  const transfers = [...distinct.values()].map(async (descriptor) =>
    queue.add(async () => fetchBlob(work, { descriptor, kind: 'layer', counter })),
  );
  try {
    await Promise.all(transfers);
  } catch (error) {
    work.failed.abort(error);
    await Promise.allSettled(transfers);
    throw error;
  }
}

interface BlobJob {
  readonly descriptor: Descriptor;
  readonly kind: 'config' | 'layer';
  readonly counter: { transferred: number };
}

async function fetchBlob({ store, client, options, lease, signal }: Pull, job: BlobJob): Promise<void> {
  signal.throwIfAborted();
  const { digest, size } = job.descriptor;
  const report = (state: PullProgress['state'], current: number): void =>
    options.onProgress?.({ digest, kind: job.kind, state, current, total: size });
  if (job.kind === 'config' && size > maxConfigBytes) {
    throw new TsbuildError('IMAGE_INVALID', `the image config is larger than ${maxConfigBytes} bytes`);
  }
  await lease.keep({ blob: digest });
  if ((await store.blobs.stat(digest))?.size === size) {
    report('present', size);
    return;
  }
  report('waiting', 0);
  let current = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of client.blob(job.descriptor)) {
      current += chunk.byteLength;
      job.counter.transferred += chunk.byteLength;
      report('transferring', current);
      yield chunk;
    }
  };
  await store.blobs.put(counted(), { digest, size });
  report('done', size);
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
  });
}
