import { storePaths } from './format.ts';
import { readLeases, type LiveLeases } from './leases.ts';
import { removeDeadLocks } from './linked-lock.ts';
import type { Store } from './types.ts';

/** What all processes that are at work on the store keep, as they say it themselves. */
export function liveLeases(store: Pick<Store, 'root'>): LiveLeases {
  return readLeases(storePaths(store.root).leases);
}

/** Only the files: dead processes hold no locks. */
export function removeLocksOfTheDead(store: Pick<Store, 'root'>): void {
  removeDeadLocks(storePaths(store.root).locks);
}
