import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { removeDeadLocks, startSettler, syncFileSystem } from '../sys/index.ts';
import { openBlobs } from './blobs.ts';
import { ensureStore, storePaths } from './format.ts';
import { openImages } from './images.ts';
import { openLeases } from './leases.ts';
import { openLocks } from './locks.ts';
import { openRecords } from './records.ts';
import { openRefs } from './refs.ts';
import type { Staging } from './files.ts';
import { openSettled } from './settled.ts';
import { TempSpace } from './temp.ts';
import type { Store } from './types.ts';
import { isWholeImage } from './whole-image.ts';

/** Whether there is a store at `root`: who only asks makes none. */
export function storeExists(root: string): boolean {
  return existsSync(storePaths(resolve(root)).index);
}

/**
 * Opens the store at `root`, made when there is none. Throws STORE_VERSION for a store of a newer version or of another
 * user, STORE_DAMAGED for a folder that is something else. Nothing is scanned and nothing held until it is needed.
 */
export async function openStore(root: string): Promise<Store> {
  const paths = storePaths(resolve(root));
  ensureStore(paths);

  const staging = new TempSpace(paths.tmp);
  const locks = openLocks(paths.locks);
  const leases = openLeases(paths.leases);
  const settled = openSettled({
    folder: paths.settled,
    staging,
    sync: () => syncFileSystem(paths.root),
    syncAside: (boot) => !mustWait() && startSettler(paths.settled, boot),
  });
  let written = false;
  const noting: Staging = {
    file() {
      written = true;
      return staging.file();
    },
  };

  const blobs = openBlobs({
    folder: paths.blobs,
    staging: noting,
    beforePut: (digest) => leases.keep({ blob: digest }),
  });
  const refs = openRefs({
    ...{ folder: paths.refs, index: paths.index, staging: noting, locks, settled },
    holds: (target) => isWholeImage(target, blobs),
  });
  /** The power loss before this boot may have damaged what other tools read. */
  const mend = async (): Promise<void> => {
    if (settled.isFirst()) await refs.reindex();
  };

  return {
    root: paths.root,
    layout: paths.layout,
    snapshots: paths.snapshots,
    containers: paths.containers,
    blobs,
    refs,
    images: openImages(paths.images, noting),
    records: openRecords({
      folder: paths.records,
      staging,
      settled,
      onPut: () => (written = true),
    }),
    tempDir: async () => staging.folder(),
    lock: (name, options) => locks.lock(name, options),
    tryLock: (name) => locks.tryLock(name),
    lease: () => leases.open(),
    afterDeaths: (clear) =>
      leases.afterDeaths(async (dead) => {
        removeDeadLocks(paths.locks);
        await clear(dead);
      }),
    async sync() {
      settled.sync();
    },
    async settle() {
      await mend();
      settled.settle();
    },
    async settleAside() {
      if (!written) return;
      await mend();
      settled.settleAside();
      written = false;
    },
    [Symbol.asyncDispose]: () => staging[Symbol.asyncDispose](),
  };
}

function mustWait(): boolean {
  return process.env['TSBUILD_SYNC'] === 'wait' || process.pid === 1;
}
