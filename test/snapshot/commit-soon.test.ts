import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromText } from '../../src/core/index.ts';
import { copyingSnapshotter, overlaySnapshotter } from '../../src/snapshot/index.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { editTree } from '../support/tree-edits.ts';

describe.each([
  ['overlay', overlaySnapshotter],
  ['copies', copyingSnapshotter],
])('a snapshot that is committed soon: %s', (_, snapshotterIn) => {
  requires('root', 'overlay');
  const fresh = () => snapshotterIn(join(tempFolder('snapshots').path, 's'));

  it('is a parent at once, and exists when that is done', async () => {
    const snapshotter = fresh();
    await using active = await snapshotter.prepare(undefined);
    {
      await using mounted = await active.mount();
      editTree(mounted.root, ['file a 0644 one']);
    }
    const { snapshot, done } = active.commitSoon();
    await using above = await snapshotter.prepare(snapshot);
    {
      await using mounted = await above.mount();
      expect(mounted.root.list(fromText('.'))).toEqual(['a']);
    }
    await done;
    await active[Symbol.asyncDispose]();
    expect(await snapshotter.exists(snapshot.id)).toBe(true);
    await expect(active.commit()).rejects.toThrow(/done/);
  });

  it('is gone when that fails', async () => {
    const snapshotter = fresh();
    const active = await snapshotter.prepare(undefined);
    writeFileSync(join(active.folder, '../snapshot.json.new'), '');
    const { snapshot, done } = active.commitSoon();
    await expect(done).rejects.toMatchObject({ code: 'EEXIST' });
    await active[Symbol.asyncDispose]();
    expect(await snapshotter.exists(snapshot.id)).toBe(false);
    expect(existsSync(active.folder)).toBe(false);
  });
});
