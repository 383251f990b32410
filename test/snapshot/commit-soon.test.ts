import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromText } from '../../src/core/index.ts';
import {
  copyingSnapshotter,
  isSnapshotId,
  overlaySnapshotter,
  type LocalSnapshotter,
  type Snapshot,
} from '../../src/snapshot/index.ts';
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

describe('a snapshot of nothing', () => {
  requires('root', 'overlay');
  const cases: [name: string, edits: string[], unchanged: boolean][] = [
    ['nothing done', [], true],
    ['what was made is gone again', ['file b 0644 two', 'rm b'], true],
    ['a file', ['file b 0644 two'], false],
    ['a removal', ['rm a'], false],
    ['the mode of the root', ['chmod . 0700'], false],
    ['the owner of the root', ['chown . 1:2'], false],
    ['an attribute of the root', ['xattr . user.a 62'], false],
  ];
  it.each(cases)('is its parent: %s', async (_, edits, unchanged) => {
    const { path } = tempFolder('snapshots');
    const snapshotter = overlaySnapshotter(path);
    const parent = await madeOf(snapshotter, ['file a 0644 one']);
    const active = await snapshotter.prepare(parent);
    {
      await using mounted = await active.mount();
      editTree(mounted.root, edits);
    }
    const committed = active.commitSoon();
    await committed.done;
    expect(committed.unchanged).toBe(unchanged);
    expect(committed.snapshot.id === parent.id).toBe(unchanged);
    expect(existsSync(active.folder)).toBe(!unchanged);
    expect(await snapshotter.exists(committed.snapshot.id)).toBe(true);
    expect(readdirSync(path).filter(isSnapshotId)).toHaveLength(unchanged ? 1 : 2);
  });
});

async function madeOf(snapshotter: LocalSnapshotter, edits: readonly string[]): Promise<Snapshot> {
  await using active = await snapshotter.prepare(undefined);
  {
    await using mounted = await active.mount();
    editTree(mounted.root, edits);
  }
  return await active.commit();
}
