import {
  digestOf,
  digestParts,
  isDigest,
  isJsonArray,
  isJsonObject,
  type Digest,
  type Json,
} from '../core/index.ts';
import type { CacheRecord, Claimed, ClaimOptions, ResultCache } from '../solver/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import type { Lease, Store } from '../store/index.ts';
import { stateOf } from './state.ts';
import { settledFromJson, settledToJson } from './state-json.ts';
import type { SettledState, State } from './types.ts';

/** The solver's cache over the store's records. A record whose snapshot or blob has vanished is a miss, never an error. */
export class StoreCache implements ResultCache<State> {
  readonly #store: Store;
  readonly #snapshotter: Snapshotter;
  readonly #lease: Lease;

  constructor(services: { readonly store: Store; readonly snapshotter: Snapshotter; readonly lease: Lease }) {
    this.#store = services.store;
    this.#snapshotter = services.snapshotter;
    this.#lease = services.lease;
  }

  async lookup(key: Digest): Promise<State | undefined> {
    const settled = await this.#usable(await this.#store.records.get('results', fileKey(key)));
    return settled === undefined ? undefined : stateOf(settled);
  }

  async claim(key: Digest, options: ClaimOptions): Promise<Claimed<State>> {
    const { signal, onWait } = options;
    const lock = await this.#store.lock(`step-${fileKey(key)}`, { signal, onWait });
    const existing = options.ignoreExisting ? undefined : await this.lookup(key);
    if (existing === undefined) {
      return { kind: 'claim', claim: { key, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() } };
    }
    await lock[Symbol.asyncDispose]();
    return { kind: 'existing', result: existing };
  }

  async save(keys: readonly Digest[], record: CacheRecord<State>): Promise<void> {
    const settled = await record.result.settled;
    const value: Json = {
      result: settledToJson(settled),
      parts: record.parts,
      partsDigest: record.partsDigest,
      inputKeys: record.inputKeys,
      identity: record.identity,
      created: record.created,
    };
    const { records } = this.#store;
    for (const key of new Set(keys)) await records.put('results', fileKey(key), value);
    await records.put('ops', fileKey(record.partsDigest), {});
    await records.put('states', fileKey(settled.contentDigest), { result: settledToJson(settled) });
    const [newest] = keys;
    if (newest !== undefined) await records.put('nearest', identityKey(record.identity), { key: newest });
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

  async nearest(identity: string): Promise<CacheRecord<State> | undefined> {
    const pointer = await this.#store.records.get('nearest', identityKey(identity));
    const key = memberOf(pointer, 'key');
    if (typeof key !== 'string' || !isDigest(key)) return undefined;
    return recordFromJson(await this.#store.records.get('results', fileKey(key)));
  }

  /** Keeps all parts from being collected before it looks whether they are there. */
  async #usable(record: Json | undefined): Promise<SettledState | undefined> {
    const settled = settledFromJson(memberOf(record, 'result'));
    if (settled === undefined) return undefined;
    for (const id of settled.snapshot?.chain ?? []) {
      await this.#lease.keep({ snapshot: id });
      if (!(await this.#snapshotter.exists(id))) return undefined;
    }
    for (const layer of settled.layers) {
      await this.#lease.keep({ blob: layer.descriptor.digest });
      if ((await this.#store.blobs.stat(layer.descriptor.digest))?.size !== layer.descriptor.size)
        return undefined;
    }
    return settled;
  }
}

function recordFromJson(record: Json | undefined): CacheRecord<State> | undefined {
  const settled = settledFromJson(memberOf(record, 'result'));
  const [parts, partsDigest, inputKeys, identity, created] = [
    'parts',
    'partsDigest',
    'inputKeys',
    'identity',
    'created',
  ].map((name) => memberOf(record, name));
  if (
    settled === undefined ||
    !isJsonObject(parts) ||
    typeof partsDigest !== 'string' ||
    !isDigest(partsDigest)
  )
    return undefined;
  if (!isJsonArray(inputKeys) || typeof identity !== 'string' || typeof created !== 'string')
    return undefined;
  const keys = inputKeys.filter((key): key is Digest => typeof key === 'string' && isDigest(key));
  return {
    result: stateOf(settled),
    parts: parts as CacheRecord<State>['parts'],
    partsDigest,
    inputKeys: keys,
    identity,
    created,
  };
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function fileKey(digest: Digest): string {
  return digestParts(digest).hex;
}

function identityKey(identity: string): string {
  return fileKey(digestOf(identity));
}
