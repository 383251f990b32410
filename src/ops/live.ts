import type { LeasedItem, Store } from '../store/index.ts';
import { listContainers } from './container/records.ts';
import { listImageNeeds } from './store-care/images.ts';
import { recordState } from './state-json.ts';

/** What the cache's records, the containers and the unpacked files of images need of the store, for the collector. */
export function liveItems(store: Store): AsyncGenerator<LeasedItem> {
  return rootsOf(store)();
}

/**
 * The same, to be asked more than once: a record that is the file it was is not read again, which of many thousands takes
 * longer than all else.
 */
export function rootsOf(store: Store): () => AsyncGenerator<LeasedItem> {
  const read = new Map<string, { readonly version: string; readonly items: readonly LeasedItem[] }>();
  return async function* () {
    for (const { chain } of listContainers(store)) for (const snapshot of chain) yield { snapshot };
    for (const { snapshots } of await listImageNeeds(store))
      for (const snapshot of snapshots) yield { snapshot };
    for await (const key of store.records.list('results')) {
      const version = (await store.records.stat('results', key))?.version ?? '';
      let known = read.get(key);
      if (known?.version !== version) {
        known = { version, items: await itemsOf(store, key) };
        read.set(key, known);
      }
      yield* known.items;
    }
  };
}

async function itemsOf(store: Store, key: string): Promise<readonly LeasedItem[]> {
  const found = await store.records.find('results', key);
  const state = recordState(found?.value);
  // Files that a power loss may have taken are made anew of the layers.
  const snapshots = found?.settled === true ? (state?.snapshot?.chain ?? []) : [];
  const blobs = state?.layers ?? [];
  return [
    ...snapshots.map((snapshot) => ({ snapshot })),
    ...blobs.map(({ descriptor }) => ({ blob: descriptor.digest })),
  ];
}
