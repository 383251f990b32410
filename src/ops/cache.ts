import {
  canonicalJson,
  digestOf,
  digestParts,
  isDigest,
  isJsonArray,
  isJsonObject,
  type Digest,
  type Json,
  type JsonObject,
} from '../core/index.ts';
import {
  partsDigest,
  type CacheRecord,
  type Claimed,
  type ClaimOptions,
  type InputKey,
  type KeyKind,
  type KeyParts,
  type ResultCache,
} from '../solver/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import type { Lease, RecordCollection, RecordStore, Store } from '../store/index.ts';
import { ResultAge, type Aged } from './result-age.ts';
import { stateOf } from './state.ts';
import { settledFromJson, settledToJson } from './state-json.ts';
import { prunedAt } from './store-care/tombstones.ts';
import type { SettledState, State } from './types.ts';

export interface StoreCacheOptions {
  readonly store: Store;
  readonly snapshotter: Snapshotter;
  readonly lease: Lease;
  /** What the identities of steps belong to: one Dockerfile's `build/2` says nothing of another's. Never part of a key. */
  readonly scope?: string | undefined;
  /**
   * Checks what a power loss may have taken a part of, and makes it whole; see restored-state.ts. Without it such results
   * are misses.
   */
  readonly restore?: ((state: SettledState) => Promise<SettledState | undefined>) | undefined;
  /** Milliseconds; what was made earlier, or stands on what was, is a miss. */
  readonly ttl?: number | undefined;
}

/** The solver's cache over the store's records. A record whose snapshot or blob has vanished is a miss, never an error. */
export class StoreCache implements ResultCache<State> {
  readonly #store: Store;
  readonly #snapshotter: Snapshotter;
  readonly #lease: Lease;
  readonly #scope: string;
  readonly #restore: StoreCacheOptions['restore'];
  readonly #ttl: number | undefined;
  readonly #age: ResultAge;
  /** Of what was looked up. */
  readonly #facts = new WeakMap<State, Partial<Pick<CacheRecord<State>, 'origin' | 'created'>>>();
  /** Snapshots and blobs, with their size, that were there when the lease already named them: nobody collects those. */
  readonly #held = new Set<string>();

  constructor({ store, snapshotter, lease, scope = '', restore, ttl }: StoreCacheOptions) {
    this.#store = store;
    this.#snapshotter = snapshotter;
    this.#lease = lease;
    this.#scope = scope;
    this.#restore = restore;
    this.#ttl = ttl;
    this.#age = this.ageBy(async (key) => {
      const record = await store.records.get('results', fileKey(key));
      return record === undefined ? undefined : agedFromJson(record);
    });
  }

  async lookup(key: Digest, kind: KeyKind = 'definition'): Promise<State | undefined> {
    const found = await this.#store.records.find('results', fileKey(key));
    const aged = agedFromJson(found?.value);
    if (kind === 'content' ? this.#age.isOver(aged) : await this.#age.isOverAnywhere(aged)) return undefined;
    const settled =
      found?.settled === false ? await this.#restored(key, found.value) : await this.#usable(found?.value);
    if (settled === undefined) return undefined;
    const state = stateOf(settled);
    const [origin, created] = [textOf(found?.value, 'origin'), textOf(found?.value, 'created')];
    this.#facts.set(state, { origin, ...(created === undefined ? {} : { created }) });
    return state;
  }

  origin(result: State): string | undefined {
    return this.#facts.get(result)?.origin;
  }

  /** The record of a key, of a result that is there whole. */
  async record(key: Digest): Promise<CacheRecord<State> | undefined> {
    const record = await this.#store.records.get('results', fileKey(key));
    return (await this.#usable(record)) === undefined ? undefined : recordFromJson(record);
  }

  async claim(key: Digest, options: ClaimOptions): Promise<Claimed<State>> {
    const { signal, onWait } = options;
    await using held = new AsyncDisposableStack();
    held.use(await this.#store.lock(`step-${fileKey(key)}`, { signal, onWait }));
    const existing = options.ignoreExisting ? undefined : await this.lookup(key);
    if (existing !== undefined) return { kind: 'existing', result: existing };
    const lock = held.move();
    return { kind: 'claim', claim: { key, [Symbol.asyncDispose]: () => lock.disposeAsync() } };
  }

  async save(keys: readonly Digest[], record: CacheRecord<State>): Promise<void> {
    const settled = await record.result.settled;
    const origin = record.origin ?? this.origin(record.result);
    const value: Json = {
      result: settledToJson(settled),
      parts: record.parts,
      partsDigest: record.partsDigest,
      inputKeys: record.inputKeys.map(inputKeyToJson),
      contents: record.contents?.map((inputs) => inputs.map(inputKeyToJson)),
      identity: record.identity,
      // Known by another key from now on, it is no younger for that.
      created: this.#facts.get(record.result)?.created ?? record.created,
      origin,
    };
    const { records } = this.#store;
    for (const key of new Set(keys)) await records.put('results', fileKey(key), value);
    // What was imported never takes the place of what a step made here.
    if (origin === undefined)
      await records.put('states', fileKey(settled.contentDigest), { result: settledToJson(settled) });
    const [newest] = keys;
    if (newest === undefined) return;
    await records.put('ops', fileKey(record.partsDigest), { key: newest });
  }

  async knows(parts: Digest): Promise<boolean> {
    return this.#store.records.has('ops', fileKey(parts));
  }

  async canonical(result: State): Promise<State> {
    const settled = await result.settled;
    const earlier = await this.#usable(
      await this.#store.records.get('states', fileKey(settled.contentDigest)),
    );
    return earlier === undefined ? result : stateOf(earlier);
  }

  async remember(keys: ReadonlyMap<string, Digest | undefined>): Promise<void> {
    const before = await this.#remembered();
    // Of what the file no longer has nothing will be asked.
    const now = [...keys].map(([identity, key]) => [identity, key ?? before[identity]] as const);
    const after: JsonObject = Object.fromEntries(now);
    const { records } = this.#store;
    const same = canonicalJson(after) === canonicalJson(before);
    // A build that changes nothing costs one look: the time of this record stands for those of all the steps.
    if (same && !(await isStale(records, 'nearest', this.#scopeKey()))) return;
    for (const key of keys.values()) if (key !== undefined) await records.touch('results', fileKey(key));
    await (same
      ? records.touch('nearest', this.#scopeKey())
      : records.put('nearest', this.#scopeKey(), after));
  }

  async pruned(parts: Digest): Promise<string | undefined> {
    return prunedAt(this.#store, parts);
  }

  async nearest(identity: string): Promise<CacheRecord<State> | undefined> {
    const remembered = await this.#remembered();
    return Object.hasOwn(remembered, identity) ? this.#recordOf(remembered[identity]) : undefined;
  }

  async latest(parts: Digest): Promise<CacheRecord<State> | undefined> {
    const pointer = await this.#store.records.get('ops', fileKey(parts));
    const record = await this.#recordOf(memberOf(pointer, 'key'));
    return record?.partsDigest === parts ? record : undefined;
  }

  async expired(record: Aged): Promise<boolean> {
    return this.#age.isOverAnywhere(record);
  }

  /** The same limit for records that lie elsewhere. */
  ageBy(read: (key: Digest) => Promise<Aged | undefined>): ResultAge {
    return new ResultAge(this.#ttl, read);
  }

  #scopeKey(): string {
    return fileKey(digestOf(this.#scope));
  }

  async #remembered(): Promise<JsonObject> {
    const found = await this.#store.records.get('nearest', this.#scopeKey());
    return isJsonObject(found) ? found : {};
  }

  async #recordOf(key: Json | undefined): Promise<CacheRecord<State> | undefined> {
    if (typeof key !== 'string' || !isDigest(key)) return undefined;
    return recordFromJson(await this.#store.records.get('results', fileKey(key)));
  }

  /** The record is written again, so that all this is done once. */
  async #restored(key: Digest, record: Json): Promise<SettledState | undefined> {
    const before = settledFromJson(memberOf(record, 'result'));
    const state = before && (await this.#restore?.(before));
    if (state === undefined || !isJsonObject(record)) return undefined;
    const { records } = this.#store;
    const result = settledToJson(state);
    await records.put('results', fileKey(key), { ...record, result });
    const content = fileKey(state.contentDigest);
    if (memberOf(record, 'origin') === undefined && !(await records.has('states', content)))
      await records.put('states', content, { result });
    return state;
  }

  /** Keeps all parts from being collected before it looks whether they are there. */
  async #usable(record: Json | undefined): Promise<SettledState | undefined> {
    const settled = settledFromJson(memberOf(record, 'result'));
    if (settled === undefined) return undefined;
    for (const id of settled.snapshot?.chain ?? []) {
      if (this.#held.has(id)) continue;
      await this.#lease.keep({ snapshot: id });
      if (!(await this.#snapshotter.exists(id))) return undefined;
      this.#held.add(id);
    }
    for (const { descriptor } of settled.layers) {
      const held = `${descriptor.digest} ${descriptor.size}`;
      if (this.#held.has(held)) continue;
      await this.#lease.keep({ blob: descriptor.digest });
      if ((await this.#store.blobs.stat(descriptor.digest))?.size !== descriptor.size) return undefined;
      this.#held.add(held);
    }
    return settled;
  }
}

/** Whether `touch` would do anything. */
async function isStale(records: RecordStore, collection: RecordCollection, key: string): Promise<boolean> {
  const found = await records.stat(collection, key);
  return found !== undefined && Date.now() - found.used >= 3_600_000;
}

/** Undefined for anything that `save` does not write: a damaged record is none, and explains nothing. */
function recordFromJson(record: Json | undefined): CacheRecord<State> | undefined {
  const settled = settledFromJson(memberOf(record, 'result'));
  if (settled === undefined || !isJsonObject(record)) return undefined;
  const { parts, inputKeys, identity, created } = record;
  if (!isJsonObject(parts) || !isJsonArray(inputKeys)) return undefined;
  const below = inputKeysFromJson(inputKeys);
  if (below === undefined) return undefined;
  if (typeof identity !== 'string' || typeof created !== 'string') return undefined;
  const digest = partsDigest(parts as KeyParts);
  if (digest !== record['partsDigest']) return undefined;
  return {
    result: stateOf(settled),
    parts: parts as KeyParts,
    partsDigest: digest,
    inputKeys: below,
    contents: contentsFromJson(record['contents']),
    identity,
    created,
    origin: typeof record['origin'] === 'string' ? record['origin'] : undefined,
  };
}

function inputKeyToJson({ selector, digest }: InputKey): Json {
  return { selector, digest };
}

function contentsFromJson(value: Json | undefined): CacheRecord<State>['contents'] {
  return isJsonArray(value) ? value.flatMap((inputs) => [inputKeysFromJson(inputs) ?? []]) : undefined;
}

function inputKeysFromJson(value: Json | undefined): readonly InputKey[] | undefined {
  if (!isJsonArray(value)) return undefined;
  const keys = value.map(inputKeyFromJson).filter((key) => key !== undefined);
  return keys.length === value.length ? keys : undefined;
}

function inputKeyFromJson(value: Json): InputKey | undefined {
  const [selector, digest] = [memberOf(value, 'selector'), memberOf(value, 'digest')];
  if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
  return selector === undefined || typeof selector === 'string' ? { selector, digest } : undefined;
}

/** Of a damaged record: as old as can be. */
function agedFromJson(record: Json | undefined): Aged {
  const below = memberOf(record, 'inputKeys');
  const inputKeys = isJsonArray(below) ? inputKeysFromJson(below) : undefined;
  const created = inputKeys === undefined ? undefined : textOf(record, 'created');
  return { created: created ?? '', inputKeys: inputKeys ?? [] };
}

function textOf(value: Json | undefined, name: string): string | undefined {
  const text = memberOf(value, name);
  return typeof text === 'string' ? text : undefined;
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function fileKey(digest: Digest): string {
  return digestParts(digest).hex;
}
