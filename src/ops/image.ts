import {
  canonicalJson,
  digestOf,
  digestParts,
  TsbuildError,
  type Digest,
  type PartChange,
} from '../core/index.ts';
import type { ResolvedBase } from '../graph/index.ts';
import { openUnchecked } from '../image/index.ts';
import { chainIds } from '../oci/index.ts';
import type { Descriptor, Platform } from '../oci/types.ts';
import type { Snapshot } from '../snapshot/index.ts';
import type { CacheMap, Op, RunContext } from '../solver/index.ts';
import { baseChange, keepBaseName } from './base-names.ts';
import { lockAside } from './lock-aside.ts';
import { snapshotFromJson } from './state-json.ts';
import { emptyState, stateOf } from './state.ts';
import type { BuildServices, State } from './types.ts';
import { chainLock, unpackLayer } from './unpack-layer.ts';

/** What unpacking needs. */
export type ImageServices = Pick<BuildServices, 'store' | 'snapshotter' | 'lease'>;

/** A base image as a state: its layers unpacked once for the whole store, each found again by its chain id. */
export class ImageOp implements Op<State> {
  readonly #base: ResolvedBase;
  readonly #platform: Platform;
  readonly #services: ImageServices;

  constructor(base: ResolvedBase, platform: Platform, services: ImageServices) {
    this.#base = base;
    this.#platform = platform;
    this.#services = services;
  }

  /** Bases count by what is in them: the name and the manifest may change while the files stay (design decision 6). */
  async cacheMap(): Promise<CacheMap<State>> {
    const { os, architecture, variant } = this.#platform;
    return {
      parts: { op: 'image', chain: this.#chain().at(-1) ?? null, platform: { os, architecture, variant } },
      inputs: [],
    };
  }

  async unfold(
    change: PartChange & { readonly kind: 'changed' },
  ): Promise<readonly PartChange[] | undefined> {
    const isContent = change.path.length === 1 && change.path[0] === 'chain';
    return isContent ? baseChange(this.#services.store, change.before, this.#base) : undefined;
  }

  async exec(_inputs: readonly State[], context: RunContext): Promise<State> {
    await keepBaseName(this.#services.store, this.#chain().at(-1), this.#base);
    return this.unpack(context);
  }

  /** As `exec`, for layers that are no image with a name that anybody knows. */
  async unpack(context: Pick<RunContext, 'signal' | 'status' | 'warn' | 'withoutSlot'>): Promise<State> {
    const chain = this.#chain();
    const { layers, config } = this.#base;
    if (layers.length !== chain.length) {
      throw new TsbuildError(
        'IMAGE_INVALID',
        `${this.#base.name}: ${layers.length} layers, but ${chain.length} diff ids`,
      );
    }
    let { snapshot, next } = await this.#highestKnown(chain);
    for (; next < layers.length; next++) {
      context.signal.throwIfAborted();
      const [descriptor, chainId, diffId] = [layers[next], chain[next], config.rootfs.diff_ids[next]];
      if (descriptor === undefined || chainId === undefined || diffId === undefined)
        throw new Error('a layer without diff id');
      snapshot = await this.#layer(snapshot, { descriptor, chainId, diffId }, context);
      context.status('layers', next + 1, layers.length);
    }
    if (snapshot === undefined) return stateOf(emptyState);
    return stateOf({
      snapshot,
      layers: layers.map((descriptor, index) => ({
        descriptor,
        diffId: config.rootfs.diff_ids[index] as Digest,
      })),
      contentDigest: digestOf(canonicalJson({ chain: chain.at(-1) ?? null })),
    });
  }

  #chain(): readonly Digest[] {
    return chainIds(this.#base.config.rootfs.diff_ids);
  }

  /** An image of this store's own making is there whole: its top is looked for first, and nothing is unpacked. */
  async #highestKnown(chain: readonly Digest[]): Promise<{ snapshot: Snapshot | undefined; next: number }> {
    for (let next = chain.length; next > 0; next--) {
      const chainId = chain[next - 1];
      const snapshot = chainId === undefined ? undefined : await this.#known(digestParts(chainId).hex);
      if (snapshot !== undefined) return { snapshot, next };
    }
    return { snapshot: undefined, next: 0 };
  }

  /** Under a lock by chain id: two builds that need the same base unpack it once. */
  async #layer(
    parent: Snapshot | undefined,
    layer: { readonly descriptor: Descriptor; readonly chainId: Digest; readonly diffId: Digest },
    context: Pick<RunContext, 'signal' | 'warn' | 'withoutSlot'>,
  ): Promise<Snapshot> {
    const { store } = this.#services;
    const key = digestParts(layer.chainId).hex;
    await using _lock = await lockAside(store, chainLock(key), {
      what: 'a layer of the base image',
      context,
    });
    const known = await this.#known(key);
    if (known !== undefined) return known;
    return await unpackLayer(this.#services, parent, {
      key,
      diffId: layer.diffId,
      open: async () => openUnchecked(store, layer),
      signal: context.signal,
    });
  }

  async #known(key: string): Promise<Snapshot | undefined> {
    const { store, snapshotter, lease } = this.#services;
    const record = await store.records.get('chains', key);
    const snapshot =
      typeof record === 'object' && record !== null && 'chain' in record
        ? snapshotFromJson(record.chain)
        : undefined;
    if (snapshot === undefined) return undefined;
    for (const id of snapshot.chain) {
      await lease.keep({ snapshot: id });
      if (!(await snapshotter.exists(id))) return undefined;
    }
    return snapshot;
  }
}
