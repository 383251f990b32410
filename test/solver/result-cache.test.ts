import { digestOf, type Digest } from '../../src/core/index.ts';
import { mediaTypes } from '../../src/oci/index.ts';
import { StoreCache } from '../../src/ops/index.ts';
import { commitState, emptyState, stateOf } from '../../src/ops/state.ts';
import type { State } from '../../src/ops/index.ts';
import { overlaySnapshotter } from '../../src/snapshot/index.ts';
import { partsDigest } from '../../src/solver/index.ts';
import { openStore } from '../../src/store/index.ts';
import { MemoryCache } from '../support/memory-cache.ts';
import { resultCacheSuite } from '../support/result-cache-suite.ts';
import { requires } from '../support/requires.ts';
import { bytes } from '../support/tree-edits.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { describe, expect, it } from 'vitest';

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

  it('a claim that fails leaves nothing locked', async () => {
    await using store = await openStore(tempFolder('result-cache').path);
    const full = new Error('the disk is full');
    const lease = {
      id: 'none',
      keep: () => Promise.reject(full),
      [Symbol.asyncDispose]: async () => undefined,
    };
    const snapshotter = overlaySnapshotter(store.snapshots);
    const cache = new StoreCache({ store, snapshotter, lease });
    const key = digestOf('key');
    const layer = { digest: digestOf('layer'), size: 1, mediaType: mediaTypes.layer };
    const result = stateOf({ ...emptyState, layers: [{ diffId: layer.digest, descriptor: layer }] });
    const parts = { op: 'test' };
    await cache.save([key], {
      ...{ result, parts, partsDigest: partsDigest(parts), inputKeys: [] },
      ...{ identity: 'stage/1', created: '2020-02-02T02:02:02.000Z' },
    });
    const { signal } = new AbortController();
    await expect(cache.claim(key, { signal, ignoreExisting: false })).rejects.toBe(full);
    const claimed = await cache.claim(key, { signal, ignoreExisting: true });
    expect(claimed.kind).toBe('claim');
  });
});
