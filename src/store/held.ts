import { removeDeadLocks } from '../sys/index.ts';
import { readJsonIfThere } from './files.ts';
import { storePaths } from './format.ts';
import { readLeases, type LiveLeases } from './leases.ts';
import { pathOf, readEnvelope, removeEmptyShards } from './records.ts';
import type { RecordCollection, Store } from './types.ts';

/** What all processes that are at work on the store keep, as they say it themselves. */
export function liveLeases(store: Pick<Store, 'root'>): LiveLeases {
  return readLeases(storePaths(store.root).leases);
}

/** Only the files: dead processes hold no locks. */
export function removeLocksOfTheDead(store: Pick<Store, 'root'>): void {
  removeDeadLocks(storePaths(store.root).locks);
}

/** Folders of records that hold none any more. Whoever writes one makes its folder again. */
export function removeEmptyFolders(store: Pick<Store, 'root'>): void {
  removeEmptyShards(storePaths(store.root).records);
}

/** Whether a record's file holds what `put` wrote under that key, trusted or not. */
export function isRecordIntact(
  store: Pick<Store, 'root'>,
  collection: RecordCollection,
  key: string,
): boolean {
  const path = pathOf(storePaths(store.root).records, collection, key);
  return readEnvelope(readJsonIfThere(path))?.key === `${collection}/${key}`;
}
