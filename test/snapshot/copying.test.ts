import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { copyingSnapshotter, overlaySnapshotter, packSnapshot } from '../../src/snapshot/index.ts';
import type { LocalSnapshotter, Snapshot } from '../../src/snapshot/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { requires } from '../support/requires.ts';
import { changeTable } from '../support/change-table.ts';
import { snapshotOf, snapshotterSuite } from '../support/snapshotter-suite.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { bytes } from '../support/tree-edits.ts';

// O-35 O-36 O-38 S-76: the table and the cases are the suite's.
snapshotterSuite('copied snapshots (O-35 O-36 O-38 S-76)', copyingSnapshotter);

describe('copied snapshots', () => {
  const folder = (): string => join(tempFolder('snapshots').path, 'snapshots');

  it('are whole trees, which nothing of one shares with the others', async () => {
    const path = folder();
    const snapshotter = copyingSnapshotter(path);
    const base = await snapshotOf(snapshotter, undefined, ['file f 0644 x', 'hardlink g f']);
    const next = await snapshotOf(snapshotter, base, ['file n 0644 y']);
    expect(readdirSync(join(path, next.id, 'fs')).sort()).toEqual(['f', 'g', 'n']);
    await using view = await snapshotter.view(next);
    expect([view.root.lstat(bytes('f')).links, view.root.lstat(bytes('g')).links]).toEqual([1, 1]);
    expect(snapshotter.lowers(next)).toEqual([join(path, next.id, 'fs')]);
  });

  it('those of the other driver are as good as none, and are not swept', async () => {
    requires('overlay');
    const path = folder();
    const [overlay, copying] = [overlaySnapshotter(path), copyingSnapshotter(path)];
    const mounted = await snapshotOf(overlay, undefined, ['file f 0644 x']);
    const copied = await snapshotOf(copying, undefined, ['file f 0644 x']);
    expect(await copying.exists(mounted.id)).toBe(false);
    expect(await overlay.exists(copied.id)).toBe(false);
    expect([await copying.sweep(), await overlay.sweep()]).toEqual([0, 0]);
    expect([await overlay.exists(mounted.id), await copying.exists(copied.id)]).toEqual([true, true]);
  });

  it('O-35 give the same layers, byte for byte, as overlays do', async () => {
    requires('overlay');
    await using store = await openStore(tempFolder('store').path);
    const drivers = [overlaySnapshotter(folder()), copyingSnapshotter(folder())];
    for (const { title, base = [], edits } of changeTable) {
      const layers = await Promise.all(drivers.map((driver) => layersOf(driver, store, [base, edits])));
      expect(layers[1], title).toEqual(layers[0]);
    }
  });
});

/** Diff ids and content digests of steps on one another; all times are those of the epoch. */
async function layersOf(
  snapshotter: LocalSnapshotter,
  store: Store,
  steps: readonly (readonly string[])[],
): Promise<unknown[]> {
  let parent: Snapshot | undefined;
  const layers: unknown[] = [];
  for (const edits of steps) {
    parent = await snapshotOf(snapshotter, parent, edits);
    layers.push(await packSnapshot(snapshotter, parent, store.blobs, { latest: 0 }));
  }
  return layers;
}
