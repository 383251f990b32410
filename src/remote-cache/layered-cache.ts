import type { Digest } from '../core/index.ts';
import { stateOfLayers, type State, type StoreCache } from '../ops/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import type {
  CacheRecord,
  Claimed,
  ClaimOptions,
  KeyKind,
  RecordFacts,
  ResultCache,
} from '../solver/index.ts';
import type { Lease, Store } from '../store/index.ts';
import type { LayerFetcher } from './fetch.ts';
import { keysOf, type ForeignCaches, type FoundRecord } from './foreign.ts';

export interface LayeredCacheOptions {
  readonly store: Store;
  readonly snapshotter: Snapshotter;
  readonly lease: Lease;
  readonly own: StoreCache;
  readonly foreign: ForeignCaches;
  readonly fetcher: LayerFetcher;
  readonly signal: AbortSignal;
}

/**
 * The store's cache, and behind it those that the user named. What is found there becomes a record of the store when a
 * step is answered by it, and says from then on where it came from. Layers travel when a step's result is wanted, and no
 * others; one that turns out damaged is a warning, and the step is looked for elsewhere or runs.
 */
export class LayeredCache implements ResultCache<State> {
  readonly #options: LayeredCacheOptions;
  readonly #age: ReturnType<StoreCache['ageBy']>;
  readonly #imported = new Map<Digest, Promise<State | undefined>>();
  /** What was imported by this build. */
  readonly #found = new WeakMap<State, FoundRecord>();
  #keys: ReadonlyMap<string, Digest | undefined> = new Map();

  constructor(options: LayeredCacheOptions) {
    this.#options = options;
    // Whose record a result was made on is not known: the oldest says the worst.
    this.#age = options.own.ageBy(async (key) => {
      const records = (await options.foreign.find(key)).map(({ record }) => record);
      return records.toSorted((one, other) => (one.created < other.created ? -1 : 1))[0];
    });
  }

  /** What the last solving came to, by identity; the target last. */
  get keys(): ReadonlyMap<string, Digest | undefined> {
    return this.#keys;
  }

  async lookup(key: Digest, kind: KeyKind = 'definition'): Promise<State | undefined> {
    return (await this.#options.own.lookup(key, kind)) ?? this.#import(key, kind);
  }

  async claim(key: Digest, options: ClaimOptions): Promise<Claimed<State>> {
    return this.#options.own.claim(key, options);
  }

  /** An imported result is known by all the keys that its source has for it. */
  async save(keys: readonly Digest[], record: CacheRecord<State>): Promise<void> {
    const { own } = this.#options;
    const found = this.#found.get(record.result);
    if (found === undefined) return own.save(keys, record);
    const { record: foreign, source } = found;
    const contents = [...(record.contents ?? []), ...foreign.contents];
    const { created } = foreign;
    const all = [...keys, ...keysOf(foreign).slice(1)];
    await own.save(all, { ...record, contents, created, origin: source.name });
  }

  async knows(parts: Digest): Promise<boolean> {
    const { own, foreign } = this.#options;
    return (await own.knows(parts)) || foreign.knows(parts);
  }

  async canonical(result: State): Promise<State> {
    return this.#options.own.canonical(result);
  }

  async remember(keys: ReadonlyMap<string, Digest | undefined>): Promise<void> {
    this.#keys = keys;
    await this.#options.own.remember(keys);
  }

  async nearest(identity: string): Promise<RecordFacts | undefined> {
    const { own, foreign } = this.#options;
    return (await own.nearest(identity)) ?? foreign.nearest(identity);
  }

  async latest(parts: Digest): Promise<RecordFacts | undefined> {
    const { own, foreign } = this.#options;
    return (await own.latest(parts)) ?? foreign.latest(parts);
  }

  async pruned(parts: Digest): Promise<string | undefined> {
    return this.#options.own.pruned(parts);
  }

  async expired(record: RecordFacts): Promise<boolean> {
    return this.#options.own.expired(record);
  }

  origin(result: State): string | undefined {
    return this.#found.get(result)?.source.name ?? this.#options.own.origin(result);
  }

  isNew(result: State): boolean {
    return this.#found.has(result);
  }

  /** Once a key, though the solver may ask for it twice. */
  #import(key: Digest, kind: KeyKind): Promise<State | undefined> {
    const known = this.#imported.get(key) ?? this.#importFirst(key, kind);
    this.#imported.set(key, known);
    return known;
  }

  async #importFirst(key: Digest, kind: KeyKind): Promise<State | undefined> {
    const { foreign } = this.#options;
    for (const found of await foreign.find(key, kind)) {
      const { record } = found;
      if (kind === 'content' ? this.#age.isOver(record) : await this.#age.isOverAnywhere(record)) continue;
      try {
        const state = await this.#materialise(found);
        this.#found.set(state, found);
        return state;
      } catch (error) {
        foreign.warn(found.source, error);
      }
    }
    return undefined;
  }

  /** The upper layers may be unpacked already: by their chain, which nobody can forge. */
  async #materialise({ record, source }: FoundRecord): Promise<State> {
    const { fetcher, signal } = this.#options;
    const layers = await fetcher.fetch(record.layers, source);
    const settled = await stateOfLayers(layers, this.#options, { name: `cache ${source.name}`, signal });
    return { snapshot: settled.snapshot, settled: Promise.resolve(settled) };
  }
}
