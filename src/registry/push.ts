import PQueue from 'p-queue';

import type { Digest } from '../core/index.ts';
import { withRetries, type RetryPolicy } from '../http/index.ts';
import type { Descriptor, Reference } from '../oci/index.ts';
import { beginEarlyUpload } from './early-upload.ts';
import { putUnderTags, tagsOf, type OutgoingManifest, type TaggedPushOptions } from './put-manifest.ts';
import { visitRepository, type OpenRepository } from './repository.ts';
import type { Session } from './upload-session.ts';
import { hasBlob, mountBlob, pushBlob, type Arrival, type BlobSource, type UploadWork } from './upload.ts';
import type { EarlyBytes } from './waiting-bytes.ts';

export interface PushOptions extends TaggedPushOptions {
  readonly onProgress?: ((progress: PushProgress) => void) | undefined;
  /** Largest piece of a blob that is sent in one request, in bytes; 32 MiB unless told. */
  readonly chunk?: number | undefined;
}

/** One blob on its way; called for every piece of it. */
export interface PushProgress {
  /** Of a layer that travels while it is packed, digest and total are those of the plain one until it is there. */
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
  /** The plain bytes that `prepare` packs, where it does. */
  readonly plain?: Pick<Descriptor, 'digest' | 'size'> | undefined;
  /**
   * Makes the bytes ready; called only when they must travel, or nothing is known of them. Where there is a plain layer, all
   * bytes are given to `early` as well, in their order.
   */
  prepare(early?: EarlyBytes): Promise<{ readonly descriptor: Descriptor; readonly source: BlobSource }>;
  /** Repositories of the registry that may have a blob. */
  mounts(digest: Digest): readonly string[];
}

export interface OutgoingImage {
  /** Bottom first. */
  readonly layers: readonly OutgoingLayer[];
  /** Where it depends on how the layers were sent it is asked for after them. */
  readonly config: BlobSource | ((layers: readonly Descriptor[]) => Promise<BlobSource>);
  /** The manifest once it is known how the layers were sent. */
  manifest(layers: readonly Descriptor[]): OutgoingManifest;
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
/** Smaller layers are packed before their first byte could have left. */
const worthStreaming = 8 * 2 ** 20;
const defaultChunk = 32 * 2 ** 20;

/**
 * Sends an image: blobs that the repository lacks, at most four at once, then the manifest under the tags (G-30, G-31).
 * Throws DIGEST_MISMATCH when the registry says another digest, INTERRUPTED and the REGISTRY_ codes.
 */
export async function pushContent(
  reference: Reference,
  image: OutgoingImage,
  options: PushOptions = {},
): Promise<PushedContent> {
  const { mountRepositories } = image;
  return contentPusher(reference, { ...options, mountRepositories })(image, tagsOf(reference, options));
}

/** Sends an image as `pushContent` does: under these tags, or its digest alone. */
export type ContentPusher = (image: OutgoingImage, tags: readonly string[]) => Promise<PushedContent>;

/**
 * For several images of one repository, also side by side, in one conversation: a layer that several of them have, the very same
 * object, goes once.
 */
export function contentPusher(
  repository: Reference,
  options: PushOptions & Pick<OutgoingImage, 'mountRepositories'>,
): ContentPusher {
  const { onProgress, chunk = defaultChunk, mountRepositories: alsoRead } = options;
  const visit = visitRepository(repository, { ...options, access: 'push', alsoRead });
  const shared: Shared = { queue: new PQueue({ concurrency: parallelTransfers }), layers: new Map() };
  return async (image, tags) =>
    visit(async (open) => push(image, tags, { ...open, ...shared, onProgress, chunk }));
}

/** What the images of one pusher have in common. */
interface Shared {
  readonly queue: PQueue;
  readonly layers: Map<OutgoingLayer, Promise<Descriptor | undefined>>;
}

interface PushWork extends OpenRepository, Shared {
  readonly onProgress: PushOptions['onProgress'];
  readonly chunk: number;
}

async function push(image: OutgoingImage, tags: readonly string[], work: PushWork): Promise<PushedContent> {
  const { queue } = work;
  const counter = { transferred: 0 };
  const sendOnce = async (layer: OutgoingLayer): Promise<Descriptor | undefined> => {
    const sending = work.layers.get(layer) ?? queue.add(async () => sendLayer(layer, work, counter));
    work.layers.set(layer, sending);
    return sending;
  };
  const { config } = image;
  const sendConfig = async (source: BlobSource): Promise<undefined> => {
    await sendBlob({ source, kind: 'config', mounts: [] }, work, counter);
  };
  const transfers = [
    ...image.layers.map(sendOnce),
    ...(typeof config === 'function' ? [] : [queue.add(async () => sendConfig(config))]),
  ];
  const arrived = await Promise.all(transfers).catch(async (error: unknown) => {
    work.failed.abort(error);
    await Promise.allSettled(transfers);
    throw error;
  });
  const layers = arrived.flatMap((descriptor) => descriptor ?? []);
  if (typeof config === 'function') await sendConfig(await config(layers));
  const manifest = await putUnderTags(work, tags, image.manifest(layers));
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
  const { plain } = layer;
  if (plain !== undefined && plain.size >= worthStreaming)
    return sendWhilePacking({ ...layer, plain }, work, counter);
  const { descriptor, source } = await layer.prepare();
  await sendBlob({ source, kind: 'layer', mounts: layer.mounts(source.digest) }, work, counter);
  return descriptor;
}

async function sendWhilePacking(
  layer: OutgoingLayer & { readonly plain: Pick<Descriptor, 'digest' | 'size'> },
  work: PushWork,
  counter: { transferred: number },
): Promise<Descriptor> {
  const { digest, size: total } = layer.plain;
  const upload = beginEarlyUpload({
    ...uploadWork(work, []),
    onBytes: (count, current) => {
      counter.transferred += count;
      work.onProgress?.({ digest, kind: 'layer', state: 'transferring', current, total });
    },
  });
  try {
    const { descriptor, source } = await layer.prepare(upload);
    const begun = await upload.end();
    await sendBlob({ source, kind: 'layer', mounts: layer.mounts(source.digest), begun }, work, counter);
    return descriptor;
  } finally {
    await upload.abandon();
  }
}

interface BlobJob {
  readonly source: BlobSource;
  readonly kind: PushProgress['kind'];
  readonly mounts: readonly string[];
  /** An upload that has some of it. */
  readonly begun?: Session | undefined;
}

async function sendBlob(
  { source, kind, mounts, begun }: BlobJob,
  work: PushWork,
  counter: { transferred: number },
): Promise<void> {
  const { digest, size: total } = source;
  const report = (state: PushProgress['state'], current: number): void =>
    work.onProgress?.({ digest, kind, state, current, total });
  const onBytes = (count: number, reached: number): void => {
    counter.transferred += count;
    report('transferring', reached);
  };
  const arrival = await pushBlob(source, { ...uploadWork(work, mounts), onBytes }, begun);
  report(arrival, total);
}

function uploadWork(work: PushWork, mounts: readonly string[]): UploadWork {
  const { conversation, signal, retry, stall, chunk } = work;
  return { conversation, signal, retry, stall, mounts, chunk, onBytes: () => undefined };
}

function retries(work: PushWork): { readonly policy: RetryPolicy; readonly signal: AbortSignal } {
  return { policy: work.retry, signal: work.signal };
}
