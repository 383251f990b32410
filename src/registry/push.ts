import PQueue from 'p-queue';

import { digestOf, TsbuildError, type Digest } from '../core/index.ts';
import { defaultRetryPolicy, discard, withRetries, type RetryPolicy } from '../http/index.ts';
import { familiarName, registryHost, type Descriptor, type Reference } from '../oci/index.ts';
import { createConversation, withDeadline, type Conversation } from './conversation.ts';
import type { CredentialLookup } from './credentials.ts';
import { registryFailure } from './failure.ts';
import { once } from './token.ts';
import { hasBlob, mountBlob, pushBlob, type Arrival, type BlobSource, type UploadWork } from './upload.ts';

export interface PushOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PushProgress) => void) | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Milliseconds without progress after which a request is begun anew; 60 s unless told. */
  readonly stall?: number | undefined;
  /** Largest piece of a blob that is sent in one request, in bytes; 32 MiB unless told. */
  readonly chunk?: number | undefined;
  readonly credentials?: CredentialLookup | undefined;
}

/** One blob on its way; called for every piece of it. */
export interface PushProgress {
  readonly digest: Digest;
  readonly kind: 'config' | 'layer';
  readonly state: 'transferring' | Arrival;
  /** Bytes. */
  readonly current: number;
  readonly total: number;
}

/** A layer on its way out. */
export interface OutgoingLayer {
  /** How it looked when it was last sent in the form wanted now: enough where the registry has it still. */
  readonly known: Descriptor | undefined;
  /** Makes the bytes ready; called only when they must travel, or nothing is known of them. */
  prepare(): Promise<{ readonly descriptor: Descriptor; readonly source: BlobSource }>;
  /** Repositories of the registry that may have a blob. */
  mounts(digest: Digest): readonly string[];
}

export interface OutgoingImage {
  /** Bottom first. */
  readonly layers: readonly OutgoingLayer[];
  readonly config: BlobSource;
  /** The manifest once it is known how the layers were sent. */
  manifest(layers: readonly Descriptor[]): { readonly bytes: Uint8Array; readonly mediaType: string };
  /** All repositories that `mounts` may name. */
  readonly mountRepositories: readonly string[];
}

export interface PushedContent {
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
  /** Bytes of blobs that travelled. */
  readonly transferred: number;
}

const parallelTransfers = 4;
const defaultChunk = 32 * 2 ** 20;

/**
 * Sends an image: blobs that the repository lacks, at most four at once, then the manifest under the tag (G-30, G-31).
 * Throws DIGEST_MISMATCH when the registry says another digest, INTERRUPTED and the REGISTRY_ codes.
 */
export async function pushContent(
  reference: Reference,
  image: OutgoingImage,
  options: PushOptions = {},
): Promise<PushedContent> {
  const host = registryHost(reference.registry);
  const name = familiarName(reference);
  // The first blob that fails stops the others.
  const failed = new AbortController();
  const signal =
    options.signal === undefined ? failed.signal : AbortSignal.any([options.signal, failed.signal]);
  const policy = options.retry ?? defaultRetryPolicy;
  const stall = options.stall ?? 60_000;
  const conversation = createConversation({
    ...{ host, repository: reference.repository, signal, stall, retry: policy, access: 'push' },
    alsoRead: image.mountRepositories,
    credentials: options.credentials,
  });
  const work = { ...options, conversation, signal, failed, retry: policy, stall };
  try {
    return await push(reference, image, work);
  } catch (error) {
    if (options.signal?.aborted === true) {
      throw new TsbuildError('INTERRUPTED', `the push of ${name} was stopped`, { cause: error });
    }
    throw registryFailure(error, { name, host, doing: 'push' });
  }
}

interface PushWork extends PushOptions {
  readonly conversation: Conversation;
  readonly signal: AbortSignal;
  readonly failed: AbortController;
  readonly retry: RetryPolicy;
  readonly stall: number;
}

async function push(reference: Reference, image: OutgoingImage, work: PushWork): Promise<PushedContent> {
  const queue = new PQueue({ concurrency: parallelTransfers });
  const counter = { transferred: 0 };
  const distinct = new Map(
    [...new Set(image.layers)].map((layer) => [
      layer,
      queue.add(async () => sendLayer(layer, work, counter)),
    ]),
  );
  const transfers = [
    ...image.layers.map(async (layer) => distinct.get(layer)),
    queue.add(async () => {
      await sendBlob({ source: image.config, kind: 'config', mounts: [] }, work, counter);
      return undefined;
    }),
  ];
  const arrived = await Promise.all(transfers).catch(async (error: unknown) => {
    work.failed.abort(error);
    await Promise.allSettled(transfers);
    throw error;
  });
  const layers = arrived.flatMap((descriptor) => descriptor ?? []);
  const { bytes, mediaType } = image.manifest(layers);
  const manifest = await putManifest(reference, { bytes, mediaType }, work);
  return { manifest, layers, transferred: counter.transferred };
}

async function sendLayer(
  layer: OutgoingLayer,
  work: PushWork,
  counter: { transferred: number },
): Promise<Descriptor> {
  work.signal.throwIfAborted();
  const { known } = layer;
  if (known !== undefined && (await withRetries(async () => hasBlob(known.digest, work), retries(work)))) {
    const { digest, size } = known;
    work.onProgress?.({ digest, kind: 'layer', state: 'present', current: size, total: size });
    return known;
  }
  if (known !== undefined && (await mountBlob(known.digest, uploadWork(work, layer.mounts(known.digest))))) {
    const { digest, size } = known;
    work.onProgress?.({ digest, kind: 'layer', state: 'mounted', current: size, total: size });
    return known;
  }
  const { descriptor, source } = await layer.prepare();
  await sendBlob({ source, kind: 'layer', mounts: layer.mounts(source.digest) }, work, counter);
  return descriptor;
}

interface BlobJob {
  readonly source: BlobSource;
  readonly kind: PushProgress['kind'];
  readonly mounts: readonly string[];
}

async function sendBlob(
  { source, kind, mounts }: BlobJob,
  work: PushWork,
  counter: { transferred: number },
): Promise<void> {
  const { digest, size: total } = source;
  const report = (state: PushProgress['state'], current: number): void =>
    work.onProgress?.({ digest, kind, state, current, total });
  const arrival = await pushBlob(source, {
    ...uploadWork(work, mounts),
    onBytes: (count, reached) => {
      counter.transferred += count;
      report('transferring', reached);
    },
  });
  report(arrival, total);
}

function uploadWork(work: PushWork, mounts: readonly string[]): UploadWork {
  const { conversation, signal, retry, stall, chunk = defaultChunk } = work;
  return { conversation, signal, retry, stall, mounts, chunk, onBytes: () => undefined };
}

/** end-7a. The registry's digest of it must be ours: it is the name by which others will ask. */
async function putManifest(
  reference: Reference,
  { bytes, mediaType }: { readonly bytes: Uint8Array; readonly mediaType: string },
  work: PushWork,
): Promise<Descriptor> {
  const digest = digestOf(bytes);
  const claimed = await withRetries(
    async () =>
      withDeadline(work, async (signal) => {
        const response = await work.conversation.request(`manifests/${reference.tag ?? digest}`, {
          method: 'PUT',
          headers: { 'content-type': mediaType },
          body: { size: bytes.byteLength, open: () => once(bytes) },
          signal,
        });
        await discard(response);
        return response.headers.get('docker-content-digest');
      }),
    retries(work),
  );
  if (claimed !== null && claimed !== digest) {
    throw new TsbuildError(
      'DIGEST_MISMATCH',
      `the registry calls the manifest ${claimed.slice(0, 100)}, it is ${digest}`,
      { hint: 'the registry, or a proxy on the way, changes what is pushed' },
    );
  }
  return { mediaType, digest, size: bytes.byteLength };
}

function retries(work: PushWork): { readonly policy: RetryPolicy; readonly signal: AbortSignal } {
  return { policy: work.retry, signal: work.signal };
}
