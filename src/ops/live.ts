import type { Digest } from '../core/index.ts';
import type { Store } from '../store/index.ts';
import { listContainers } from './container/records.ts';
import { recordState } from './state-json.ts';

/** What the cache's records and the containers need of the store, for the collector. */
export async function* liveItems(
  store: Store,
): AsyncGenerator<{ readonly blob: Digest } | { readonly snapshot: string }> {
  for (const { chain } of listContainers(store)) for (const snapshot of chain) yield { snapshot };
  for await (const key of store.records.list('results')) {
    const settled = recordState(await store.records.get('results', key));
    for (const snapshot of settled?.snapshot?.chain ?? []) yield { snapshot };
    for (const layer of settled?.layers ?? []) yield { blob: layer.descriptor.digest };
  }
}
