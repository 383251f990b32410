import PQueue from 'p-queue';

import { TsbuildError } from '../core/index.ts';
import type { Digest } from '../core/index.ts';
import { maxConfigBytes } from '../oci/index.ts';
import type { Descriptor } from '../oci/index.ts';
import type { Lease, Store } from '../store/types.ts';
import type { RegistryClient } from './client.ts';
import type { EarlyBytes } from './waiting-bytes.ts';

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

/** What the transfers of one pull share. */
export interface Transfers {
  readonly store: Store;
  readonly client: RegistryClient;
  readonly lease: Lease;
  readonly signal: AbortSignal;
  /** Stops all transfers; `signal` follows it. */
  readonly failed: AbortController;
  readonly onProgress: ((progress: PullProgress) => void) | undefined;
  /** Bytes that travelled so far. */
  readonly counter: { transferred: number };
}

/** Reads along while a layer arrives: what it is given is not known to be right before its end. */
export interface LayerTap extends EarlyBytes {
  /** Whether all that it was given is the layer, which is in the store now. Never fails. */
  end(isRight: boolean): Promise<void>;
}

export interface TappedLayer {
  readonly digest: Digest;
  /** Asked when the layer has to travel. */
  open(): LayerTap;
}

const parallelTransfers = 4;

/** The first failure stops the other transfers; none is left running when this returns. */
export async function fetchLayers(
  work: Transfers,
  layers: readonly Descriptor[],
  tapped?: TappedLayer,
): Promise<void> {
  const queue = new PQueue({ concurrency: parallelTransfers });
  // An image may have the same layer twice.
  const distinct = new Map(layers.map((layer) => [layer.digest, layer]));
  const transfers = [...distinct.values()].map(async (descriptor) =>
    queue.add(async () => {
      const tap = tapped?.digest === descriptor.digest ? tapped : undefined;
      await fetchBlob(work, { descriptor, kind: 'layer', tap });
    }),
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
  readonly tap?: TappedLayer | undefined;
}

/** Brings one blob into the store, unless it is there. */
export async function fetchBlob(
  { store, client, lease, signal, ...work }: Transfers,
  job: BlobJob,
): Promise<void> {
  signal.throwIfAborted();
  const { digest, size } = job.descriptor;
  const report = (state: PullProgress['state'], current: number): void =>
    work.onProgress?.({ digest, kind: job.kind, state, current, total: size });
  if (job.kind === 'config' && size > maxConfigBytes) {
    throw new TsbuildError('IMAGE_INVALID', `the image config is larger than ${maxConfigBytes} bytes`);
  }
  await lease.keep({ blob: digest });
  if ((await store.blobs.stat(digest))?.size === size) {
    report('present', size);
    return;
  }
  report('waiting', 0);
  const tap = job.tap?.open();
  let begun = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    begun += 1;
    let current = 0;
    for await (const chunk of client.blob(job.descriptor)) {
      current += chunk.byteLength;
      work.counter.transferred += chunk.byteLength;
      report('transferring', current);
      if (begun === 1) await tap?.write(chunk);
      yield chunk;
    }
  };
  let isThere = false;
  try {
    while (!isThere) {
      try {
        await store.blobs.put(counted(), { digest, size });
        isThere = true;
      } catch (error) {
        const spoilt = error instanceof TsbuildError && error.code === 'DIGEST_MISMATCH';
        if (!spoilt || !client.distrust(digest, error)) throw error;
      }
    }
  } finally {
    // What was begun anew was wrong, and what was never asked for was there: another process had brought it.
    await tap?.end(isThere && begun === 1);
  }
  report('done', size);
}
