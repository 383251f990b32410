import PQueue from 'p-queue';

import { TsbuildError } from '../core/index.ts';
import type { Digest } from '../core/index.ts';
import { maxConfigBytes } from '../oci/index.ts';
import type { Descriptor } from '../oci/index.ts';
import type { Lease, Store } from '../store/types.ts';
import type { RegistryClient } from './client.ts';

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

const parallelTransfers = 4;

/** The first failure stops the other transfers; none is left running when this returns. */
export async function fetchLayers(work: Transfers, layers: readonly Descriptor[]): Promise<void> {
  const queue = new PQueue({ concurrency: parallelTransfers });
  // An image may have the same layer twice.
  const distinct = new Map(layers.map((layer) => [layer.digest, layer]));
  const transfers = [...distinct.values()].map(async (descriptor) =>
    queue.add(async () => fetchBlob(work, { descriptor, kind: 'layer' })),
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
  let current = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    current = 0;
    for await (const chunk of client.blob(job.descriptor)) {
      current += chunk.byteLength;
      work.counter.transferred += chunk.byteLength;
      report('transferring', current);
      yield chunk;
    }
  };
  for (;;) {
    try {
      await store.blobs.put(counted(), { digest, size });
      break;
    } catch (error) {
      const spoilt = error instanceof TsbuildError && error.code === 'DIGEST_MISMATCH';
      if (!spoilt || !client.distrust(digest, error)) throw error;
    }
  }
  report('done', size);
}
