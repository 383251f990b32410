import type { Digest } from '../../src/core/index.ts';
import type { CacheRecord, Claimed, ClaimOptions, ResultCache } from '../../src/solver/index.ts';
import { deferred } from './deferred.ts';

/** A ResultCache in memory; solvers that share one share it as processes share a store. */
export class MemoryCache<R> implements ResultCache<R> {
  readonly records = new Map<Digest, CacheRecord<R>>();
  /** Every call, as `lookup sha256:…`, in order. */
  readonly calls: string[] = [];
  readonly #contentOf: (result: R) => Promise<Digest>;
  readonly #states = new Map<Digest, R>();
  readonly #newest = new Map<Digest, CacheRecord<R>>();
  readonly #remembered = new Map<string, CacheRecord<R>>();
  readonly #held = new Set<Digest>();
  /** The last in the queue for each key; resolved when it has disposed of its claim. */
  readonly #queues = new Map<Digest, Promise<void>>();

  constructor(contentOf: (result: R) => Promise<Digest>) {
    this.#contentOf = contentOf;
  }

  async lookup(key: Digest): Promise<R | undefined> {
    this.calls.push(`lookup ${key}`);
    return this.records.get(key)?.result;
  }

  async claim(key: Digest, { signal, ignoreExisting, onWait }: ClaimOptions): Promise<Claimed<R>> {
    this.calls.push(`claim ${key}`);
    if (this.#held.has(key)) onWait?.('another');
    const before = this.#queues.get(key) ?? Promise.resolve();
    const { promise: released, resolve: release } = deferred();
    this.#queues.set(
      key,
      before.then(() => released),
    );
    try {
      await untilAborted(before, signal);
    } catch (error) {
      release();
      throw error;
    }
    const existing = ignoreExisting ? undefined : this.records.get(key)?.result;
    if (existing === undefined) {
      this.#held.add(key);
      const dispose = async (): Promise<void> => {
        this.#held.delete(key);
        release();
      };
      return { kind: 'claim', claim: { key, [Symbol.asyncDispose]: dispose } };
    }
    release();
    return { kind: 'existing', result: existing };
  }

  async save(keys: readonly Digest[], record: CacheRecord<R>): Promise<void> {
    this.calls.push(`save ${keys.join(' ')}`);
    const content = await this.#contentOf(record.result);
    for (const key of keys) this.records.set(key, record);
    this.#states.set(content, record.result);
    this.#newest.set(record.partsDigest, record);
  }

  async knows(parts: Digest): Promise<boolean> {
    this.calls.push(`knows ${parts}`);
    return [...this.records.values()].some((record) => record.partsDigest === parts);
  }

  async canonical(result: R): Promise<R> {
    this.calls.push('canonical');
    return this.#states.get(await this.#contentOf(result)) ?? result;
  }

  async remember(keys: ReadonlyMap<string, Digest | undefined>): Promise<void> {
    for (const [identity, key] of keys) {
      const record = key === undefined ? undefined : this.records.get(key);
      if (record !== undefined) this.#remembered.set(identity, record);
    }
  }

  async nearest(identity: string): Promise<CacheRecord<R> | undefined> {
    return this.#remembered.get(identity);
  }

  async latest(parts: Digest): Promise<CacheRecord<R> | undefined> {
    return this.#newest.get(parts);
  }

  /** Claims that nobody has given back. */
  get claims(): number {
    return this.#held.size;
  }

  /** As a collector would: what stands on it is a miss from now on. */
  forget(key: Digest): void {
    this.records.delete(key);
  }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
