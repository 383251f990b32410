import { existsSync } from 'node:fs';
import { join } from 'node:path';

import {
  canonicalJson,
  digestOf,
  digestParts,
  isDigest,
  isJsonObject,
  type Digest,
} from '../../core/index.ts';
import { liveLeases, type RecordCollection, type Store } from '../../store/index.ts';
import { lastBuilds } from '../last-build.ts';
import { snapshotFromJson } from '../state-json.ts';
import { listingsOf, type CachedStep } from './steps.ts';

export interface Remainder {
  readonly gone: readonly CachedStep[];
  readonly left: readonly CachedStep[];
  /** When `left` was read, in milliseconds since the epoch: what is younger may serve steps that are not in it. */
  readonly began: number;
}

/**
 * Removes the records that only served what is gone: pointers to results, lists of copied files, unpacked chains. None
 * that is as young as a running build: it may not have written yet what stands on it.
 */
export async function forgetWhatIsGone(store: Store, { gone, left: steps, began }: Remainder): Promise<void> {
  const since = Math.min(began, liveLeases(store).since ?? Infinity);
  const remove = async (collection: RecordCollection, key: string): Promise<void> => {
    const stat = await store.records.stat(collection, key);
    if (stat !== undefined && stat.used < since) await store.records.delete(collection, key);
  };
  const left = {
    states: new Set(steps.map(({ contentDigest }) => hexOf(contentDigest))),
    ops: new Set(steps.map(({ partsDigest }) => hexOf(partsDigest))),
    listings: new Set(steps.flatMap(listingsOf)),
  };
  for (const collection of ['states', 'ops', 'listings'] as const) {
    for await (const key of store.records.list(collection))
      if (!left[collection].has(key)) await remove(collection, key);
  }
  await repoint(store, steps, gone);
  await forgetChains(store, since);
  const keys = new Set(steps.flatMap((step) => [...step.keys.keys()]));
  const scopes = new Set<string>();
  for await (const scope of store.records.list('nearest')) {
    const record = await store.records.get('nearest', scope);
    const known = Object.values(isJsonObject(record) ? record : {});
    if (known.some((key) => typeof key === 'string' && isDigest(key) && keys.has(hexOf(key))))
      scopes.add(scope);
    else await remove('nearest', scope);
  }
  await forgetBuilds(store, { scopes, remove });
}

/** Removes the records of chains whose files are gone, unless they were used since (milliseconds since the epoch). */
export async function forgetChains(store: Store, since: number): Promise<void> {
  for (const collection of ['chains', 'copies'] as const) {
    for await (const key of store.records.list(collection)) {
      const stat = await store.records.stat(collection, key);
      if (stat !== undefined && stat.used < since && !(await isUnpacked(store, collection, key)))
        await store.records.delete(collection, key);
    }
  }
}

/** `ops` names the newest result of a step's own definition: where that went, another one that stayed. */
async function repoint(
  store: Store,
  steps: readonly CachedStep[],
  gone: readonly CachedStep[],
): Promise<void> {
  const touched = new Set(gone.map(({ partsDigest }) => partsDigest));
  for (const step of steps.filter(({ partsDigest }) => touched.has(partsDigest))) {
    const [key] = step.keys.keys();
    const pointer = await store.records.get('ops', hexOf(step.partsDigest));
    const target = isJsonObject(pointer) ? pointer['key'] : undefined;
    const isThere =
      typeof target === 'string' && isDigest(target) && (await store.records.has('results', hexOf(target)));
    if (!isThere && key !== undefined)
      await store.records.put('ops', hexOf(step.partsDigest), { key: `sha256:${key}` });
  }
}

async function isUnpacked(store: Store, collection: RecordCollection, key: string): Promise<boolean> {
  const record = await store.records.get(collection, key);
  const snapshot = isJsonObject(record) ? snapshotFromJson(record['chain']) : undefined;
  return snapshot !== undefined && snapshot.chain.every((id) => isThere(store, id));
}

/** How a build fared is told as long as something of it is there: a step, or its image. */
async function forgetBuilds(
  store: Store,
  {
    scopes,
    remove,
  }: { scopes: ReadonlySet<string>; remove: (collection: RecordCollection, key: string) => Promise<void> },
): Promise<void> {
  for (const { file, context, image } of await lastBuilds(store)) {
    if (scopes.has(hexOf(digestOf(JSON.stringify([file, context]))))) continue;
    if (image !== undefined && (await store.images.get(image)) !== undefined) continue;
    await remove('builds', hexOf(digestOf(canonicalJson({ file, context }))));
  }
}

function isThere(store: Store, snapshot: string): boolean {
  return existsSync(join(store.snapshots, snapshot, 'snapshot.json'));
}

function hexOf(digest: Digest): string {
  return digestParts(digest).hex;
}
