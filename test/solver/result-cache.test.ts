import { digestOf, type Digest } from '../../src/core/index.ts';
import { StoreCache } from '../../src/ops/index.ts';
import { commitState, emptyState, stateOf } from '../../src/ops/state.ts';
import type { State } from '../../src/ops/index.ts';
import { overlaySnapshotter } from '../../src/snapshot/index.ts';
import { openStore } from '../../src/store/index.ts';
import { MemoryCache } from '../support/memory-cache.ts';
import { resultCacheSuite } from '../support/result-cache-suite.ts';
import { requires } from '../support/requires.ts';
import { bytes } from '../support/tree-edits.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { describe } from 'vitest';

resultCacheSuite<{ readonly name: string; readonly content: Digest }>('memory', async () => {
  const cache = new MemoryCache<{ readonly name: string; readonly content: Digest }>(
    async ({ content }) => content,
  );
  let made = 0;
  return {
    cache,
    other: cache,
    result: async (content) => ({ name: `result ${made++}`, content: digestOf(content) }),
    nameOf: ({ name }) => name,
    [Symbol.asyncDispose]: async () => undefined,
  };
});

describe('on disk', () => {
  requires('root', 'overlay');

  resultCacheSuite<State>('store', async () => {
    const held = new AsyncDisposableStack();
    const { path } = tempFolder('result-cache');
    const [mine, theirs] = [held.use(await openStore(path)), held.use(await openStore(path))];
    const snapshotter = overlaySnapshotter(mine.snapshots);
    const lease = held.use(await mine.lease());
    const cache = new StoreCache({ store: mine, snapshotter, lease });
    const other = new StoreCache({
      store: theirs,
      snapshotter: overlaySnapshotter(theirs.snapshots),
      lease: held.use(await theirs.lease()),
    });
    return {
      cache,
      other,
      async result(content) {
        await using active = await snapshotter.prepare(undefined);
        {
          await using mounted = await active.mount();
          mounted.root.write(bytes('file'), Buffer.from(content), 0o644);
        }
        return await commitState(
          { store: mine, snapshotter, interrupted: new AbortController().signal },
          stateOf(emptyState),
          active,
        );
      },
      nameOf: (state) => state.snapshot?.id ?? '',
      [Symbol.asyncDispose]: () => held.disposeAsync(),
    };
  });
});
