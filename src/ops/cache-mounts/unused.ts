import { setTimeout as sleep } from 'node:timers/promises';

import { liveLeases, type Lock, type Store } from '../../store/index.ts';
import { leaseOfCacheMount, makingLockOf } from './identity.ts';

export interface WaitForBuilds {
  readonly signal: AbortSignal;
  /** Called once, when builds that run have used the cache mount. */
  readonly onWait: () => void;
}

/** Milliseconds between two looks. */
const pause = 100;

/**
 * The right to be alone with a cache mount: waits until no build that runs has used it, and keeps those that come from
 * looking for it. Never while waiting: a build that has it may want it again. Throws the signal's reason.
 */
export async function unusedCacheMount(
  store: Store,
  name: string,
  { signal, onWait }: WaitForBuilds,
): Promise<Lock> {
  for (let told = false; ; told = true) {
    signal.throwIfAborted();
    {
      await using held = new AsyncDisposableStack();
      const lock = held.use(await store.lock(makingLockOf(name), { signal }));
      if (!liveLeases(store).snapshots.has(leaseOfCacheMount(name))) {
        held.move();
        return lock;
      }
    }
    if (!told) onWait();
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}
