import { createDigester, digestParts, TsbuildError, type Digest } from '../core/index.ts';
import { bounded, rememberForm } from '../image/index.ts';
import { mediaTypes, type Descriptor } from '../oci/types.ts';
import type { LayerState } from '../ops/index.ts';
import type { Lease, Store } from '../store/index.ts';
import { decompress } from '../tar/index.ts';
import type { BlobReader, CacheSource } from './source.ts';
import type { CachedLayer } from './types.ts';

export interface LayerFetcherOptions {
  readonly store: Store;
  readonly lease: Lease;
  /** Layers of the build's base images by diff id, as the store has them. */
  readonly bases: ReadonlyMap<Digest, Descriptor>;
}

const parallelTransfers = 4;

/** Brings layers of caches into the store, each once. */
export class LayerFetcher {
  readonly #options: LayerFetcherOptions;
  readonly #fetched = new Map<Digest, Promise<LayerState>>();

  constructor(options: LayerFetcherOptions) {
    this.#options = options;
  }

  /**
   * In their order, some side by side. The first failure is thrown when none is under way any more: DIGEST_MISMATCH,
   * ARCHIVE_INVALID, ARCHIVE_LIMIT and what reading the source throws.
   */
  async fetch(layers: readonly CachedLayer[], source: CacheSource): Promise<readonly LayerState[]> {
    return source.blobs(async (read) => {
      const fetched: LayerState[] = [];
      const left = [...layers.entries()];
      const work = async (): Promise<void> => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          const [place, layer] = next;
          try {
            fetched[place] = await this.#fetch(layer, read);
          } catch (error) {
            left.length = 0;
            throw error;
          }
        }
      };
      const workers = Array.from({ length: parallelTransfers }, work);
      await Promise.allSettled(workers);
      await Promise.all(workers);
      return fetched;
    });
  }

  async #fetch(layer: CachedLayer, read: BlobReader): Promise<LayerState> {
    const { diffId, created } = layer;
    const base = created === undefined ? await this.#base(diffId) : undefined;
    if (base !== undefined) return base;
    for (;;) {
      const others = this.#fetched.get(diffId);
      const fetching = others ?? this.#bring(layer, read);
      this.#fetched.set(diffId, fetching);
      try {
        return { ...(await fetching), created };
      } catch (error) {
        if (this.#fetched.get(diffId) === fetching) this.#fetched.delete(diffId);
        // Who waited for another's may have a source that has it whole.
        if (others === undefined) throw error;
      }
    }
  }

  /** A base image's layer keeps the form in which it was pulled. */
  async #base(diffId: Digest): Promise<LayerState | undefined> {
    const { store, lease, bases } = this.#options;
    const descriptor = bases.get(diffId);
    if (descriptor === undefined) return undefined;
    await lease.keep({ blob: descriptor.digest });
    const there = await store.blobs.stat(descriptor.digest);
    return there?.size === descriptor.size ? { diffId, descriptor } : undefined;
  }

  /** As the plain tar, which is how the store has its own layers: what image comes of it does not tell where from. */
  async #bring({ diffId, blob }: CachedLayer, read: BlobReader): Promise<LayerState> {
    const { store, lease } = this.#options;
    await lease.keep({ blob: diffId });
    const there = await store.blobs.stat(diffId);
    const size = there?.size ?? (await this.#download(diffId, blob, read));
    return { diffId, descriptor: { mediaType: mediaTypes.layer, digest: diffId, size } };
  }

  async #download(diffId: Digest, blob: Descriptor | undefined, read: BlobReader): Promise<number> {
    const { store } = this.#options;
    if (blob === undefined) {
      throw new TsbuildError('BLOB_NOT_FOUND', `the layer ${diffId} of a base image is not in this store`);
    }
    const packed = verified(read(blob), blob);
    const { bytes, compression } = await decompress(packed.bytes);
    const { size } = await store.blobs.put(bounded(bytes), { digest: diffId });
    packed.check();
    if (compression === 'gzip' || compression === 'zstd')
      await rememberForm(store, diffId, { form: { compression }, digest: blob.digest, size: blob.size });
    return size;
  }
}

/**
 * Passes a blob's bytes on and fails with DIGEST_MISMATCH before their end unless they came whole and are its own: what is
 * made of them must not be kept. `check` fails likewise where the end was never asked for.
 */
function verified(
  bytes: AsyncIterable<Uint8Array>,
  { digest, size }: Descriptor,
): { readonly bytes: AsyncIterable<Uint8Array>; readonly check: () => void } {
  const digester = createDigester(digestParts(digest).algorithm);
  let count = 0;
  let whole = false;
  const check = (): void => {
    if (whole) return;
    throw new TsbuildError('DIGEST_MISMATCH', `the blob ${digest} is not what its digest and size promise`);
  };
  async function* passing(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of bytes) {
      count += chunk.byteLength;
      if (count > size) check();
      digester.update(chunk);
      yield chunk;
    }
    whole = count === size && digester.digest() === digest;
    check();
  }
  return { bytes: passing(), check };
}
