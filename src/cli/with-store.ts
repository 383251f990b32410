import type { Store } from '../store/index.ts';

/** Opens the store for one action. */
export async function withStore<T>(root: string, action: (store: Store) => Promise<T>): Promise<T> {
  const { openStore } = await import('../store/index.ts');
  await using store = await openStore(root);
  return await action(store);
}
