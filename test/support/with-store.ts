import { openStore, type Store } from '../../src/store/index.ts';
import { tempFolder } from './temp-folder.ts';

/** Runs the body with an empty store of its own. */
export async function withStore<T>(body: (store: Store) => Promise<T>): Promise<T> {
  using folder = tempFolder('store');
  await using store = await openStore(folder.path);
  return await body(store);
}
