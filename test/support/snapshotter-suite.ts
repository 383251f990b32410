import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { ByteString } from '../../src/core/index.ts';
import type { Change, Snapshot, Snapshotter } from '../../src/snapshot/types.ts';
import { changeTable } from './change-table.ts';
import { mountIds, newlyMounted } from './mount-table.ts';
import { tempFolder } from './temp-folder.ts';
import { bytes, changeLine, editTree } from './tree-edits.ts';

/** A committed snapshot of edits on top of `parent`. */
export async function snapshotOf(
  snapshotter: Snapshotter,
  parent: Snapshot | undefined,
  edits: readonly string[],
): Promise<Snapshot> {
  await using active = await snapshotter.prepare(parent);
  {
    await using mounted = await active.mount();
    editTree(mounted.root, edits);
  }
  return await active.commit();
}

export async function changesOf(snapshotter: Snapshotter, snapshot: Snapshot): Promise<Change[]> {
  const changes: Change[] = [];
  for await (const change of snapshotter.changes(snapshot)) changes.push(change);
  return changes;
}

/** Whoever implements Snapshotter passes this: design decision 5 means the same for all of them. */
export function snapshotterSuite(name: string, open: (folder: string) => Snapshotter): void {
  const fresh = (): Snapshotter => open(join(tempFolder('snapshots').path, 'snapshots'));

  describe(`${name}: life of a snapshot`, () => {
    it('the empty root is empty, 0755 root, and cannot be written through a view', async () => {
      const snapshotter = fresh();
      await using view = await snapshotter.view(undefined);
      expect(view.root.list(bytes(''))).toEqual([]);
      expect(view.root.lstat(bytes(''))).toMatchObject({ type: 'directory', mode: 0o755, uid: 0, gid: 0 });
      expect(() => view.root.mkdir(bytes('x'), 0o755)).toThrow('EROFS');
    });

    it('each state shows its own changes on its parents’, and no other’s', async () => {
      const snapshotter = fresh();
      const base = await snapshotOf(snapshotter, undefined, ['file a 0644 base', 'file b 0644 base']);
      const left = await snapshotOf(snapshotter, base, ['file a 0644 left', 'rm b']);
      const right = await snapshotOf(snapshotter, base, ['file c 0644 right']);
      const top = await snapshotOf(snapshotter, left, ['file b 0644 top']);
      const read = async (snapshot: Snapshot): Promise<Record<string, string>> => {
        await using view = await snapshotter.view(snapshot);
        return Object.fromEntries(
          view.root.list(bytes('')).map((file) => [file, view.root.read(file, 100).toString()]),
        );
      };
      expect(await read(base)).toEqual({ a: 'base', b: 'base' });
      expect(await read(left)).toEqual({ a: 'left' });
      expect(await read(right)).toEqual({ a: 'base', b: 'base', c: 'right' });
      expect(await read(top)).toEqual({ a: 'left', b: 'top' });
      expect(top.chain).toEqual([base.id, left.id, top.id]);
    });

    it('a snapshot exists from commit to removal; an active one without commit is gone when disposed', async () => {
      const snapshotter = fresh();
      const active = await snapshotter.prepare(undefined);
      expect(await snapshotter.exists(active.id)).toBe(false);
      const snapshot = await active.commit();
      await active[Symbol.asyncDispose]();
      expect(await snapshotter.exists(snapshot.id)).toBe(true);
      await snapshotter.remove(snapshot.id);
      expect(await snapshotter.exists(snapshot.id)).toBe(false);
      await snapshotter.remove(snapshot.id);

      const abandoned = await snapshotter.prepare(undefined);
      await abandoned[Symbol.asyncDispose]();
      expect(await snapshotter.exists(abandoned.id)).toBe(false);
      await expect(abandoned.commit()).rejects.toThrow(/done/);
    });

    it('its contents hold every file that its changes put', async () => {
      const snapshotter = fresh();
      const base = await snapshotOf(snapshotter, undefined, ['dir d 0755', 'file d/below 0644 below']);
      const next = await snapshotOf(snapshotter, base, [
        'chmod d/below 0600',
        'file d/new 0644 new',
        'hardlink l d/new',
      ]);
      await using contents = await snapshotter.contents(next);
      const texts = (await changesOf(snapshotter, next)).flatMap(({ path, ...change }) =>
        change.kind === 'put' && change.entry.type === 'file'
          ? [contents.root.read(path, 100).toString()]
          : [],
      );
      expect(texts).toEqual(['below', 'new']);
    });

    it('an active snapshot can be mounted again, not twice at once, nor committed while mounted', async () => {
      const snapshotter = fresh();
      await using active = await snapshotter.prepare(undefined);
      {
        await using mounted = await active.mount();
        editTree(mounted.root, ['file a 0644 one']);
        await expect(active.mount()).rejects.toThrow(/mounted/);
        await expect(active.commit()).rejects.toThrow(/mounted/);
      }
      {
        await using mounted = await active.mount();
        editTree(mounted.root, ['file b 0644 two']);
      }
      const snapshot = await active.commit();
      const lines = (await changesOf(snapshotter, snapshot)).map(changeLine);
      expect(lines).toEqual(['file a 644 0:0 3', 'file b 644 0:0 3']);
    });

    it('nothing of it is in the host’s mount table', async () => {
      const snapshotter = fresh();
      const before = mountIds();
      await using active = await snapshotter.prepare(undefined);
      await using mounted = await active.mount();
      await using view = await snapshotter.view(undefined);
      expect(newlyMounted(before, mounted.root.fd, view.root.fd)).toBe(0);
    });

    it('the root’s own attributes come from the parent', async () => {
      const snapshotter = fresh();
      const base = await snapshotOf(snapshotter, undefined, [
        'chmod / 1777',
        'chown / 7:8',
        'xattr / user.r 01',
      ]);
      const next = await snapshotOf(snapshotter, base, ['file x 0644']);
      await using view = await snapshotter.view(next);
      expect(view.root.lstat(bytes('/'))).toMatchObject({ mode: 0o1777, uid: 7, gid: 8 });
      expect(view.root.getXattr(bytes('/'), bytes('user.r'))).toBe('\x01');
      const lines = [base, next].map(async (each) => (await changesOf(snapshotter, each)).map(changeLine));
      expect(await Promise.all(lines)).toEqual([['dir  1777 7:8 user.r=01'], ['file x 644 0:0 0']]);
    });
  });

  describe(`${name}: changes`, () => {
    for (const { title, base = [], edits, changes } of changeTable) {
      it(title, async () => {
        const snapshotter = fresh();
        const parent = await snapshotOf(snapshotter, undefined, base);
        const snapshot = await snapshotOf(snapshotter, parent, edits);
        expect((await changesOf(snapshotter, snapshot)).map(changeLine)).toEqual(changes);
      });
    }

    it('times are whole seconds, those before the epoch included; parts of seconds are no change', async () => {
      const snapshotter = fresh();
      const base = await snapshotOf(snapshotter, undefined, [
        'file a 0644 x',
        'file b 0644 x',
        'time a 5.1',
        'time b 5.1',
      ]);
      const next = await snapshotOf(snapshotter, base, [
        'time a 5.9',
        'time b 6',
        'file c 0644',
        'time c -3.5',
      ]);
      const times = (await changesOf(snapshotter, next)).map((change) =>
        change.kind === 'put' ? [change.path, change.entry.mtime] : change,
      );
      expect(times).toEqual([
        ['b', 6],
        ['c', -3],
      ]);
    });

    it('O-35 a directory whose only change is its time is given, the root is not', async () => {
      const snapshotter = fresh();
      const base = await snapshotOf(snapshotter, undefined, [
        'dir d 0755',
        'dir e 0755',
        'time d 5',
        'time e 5',
      ]);
      const next = await snapshotOf(snapshotter, base, ['time d 6', 'time e 5', 'time / 9']);
      expect((await changesOf(snapshotter, next)).map(changeLine)).toEqual(['dir d 755 0:0']);
    });

    it('S-76 names and link targets are bytes', async () => {
      const snapshotter = fresh();
      const long = 'n'.repeat(255);
      const snapshot = await snapshotOf(snapshotter, undefined, [
        'file \\xff\\xfe 0644',
        'file a\\nb 0644',
        `file ${long} 0644`,
        'symlink l \\x80\\n',
        'dir d\\xc3 0755',
        'file d\\xc3/\\x01 0600',
      ]);
      const next = await snapshotOf(snapshotter, snapshot, ['rm \\xff\\xfe', `rm ${long}`, 'rm a\\nb']);
      expect((await changesOf(snapshotter, snapshot)).map(changeLine)).toEqual([
        'file a\\nb 644 0:0 0',
        'dir d\\xc3 755 0:0',
        'file d\\xc3/\\x01 600 0:0 0',
        'symlink l \\x80\\n',
        `file ${long} 644 0:0 0`,
        'file \\xff\\xfe 644 0:0 0',
      ]);
      expect((await changesOf(snapshotter, next)).map(changeLine)).toEqual([
        'rm a\\nb',
        `rm ${long}`,
        'rm \\xff\\xfe',
      ]);
    });

    it('a name that would be read as a whiteout is an error, and names the file', async () => {
      const snapshotter = fresh();
      const snapshot = await snapshotOf(snapshotter, undefined, ['dir d 0755', 'file d/.wh.x 0644']);
      await expect(changesOf(snapshotter, snapshot)).rejects.toMatchObject({
        code: 'NAME_RESERVED',
        message: expect.stringContaining('d/.wh.x') as string,
      });
    });

    it('are those of content, though size and time agree', async () => {
      const snapshotter = fresh();
      const big = 'x'.repeat(700_000);
      const base = await snapshotOf(snapshotter, undefined, [
        `file f 0644 ${big}1`,
        'time f 5',
        `file g 0644 ${big}`,
        'time g 5',
      ]);
      const next = await snapshotOf(snapshotter, base, [
        `file f 0644 ${big}2`,
        'time f 5',
        `file g 0644 ${big}`,
        'time g 5',
      ]);
      expect((await changesOf(snapshotter, next)).map(changeLine)).toEqual(['file f 644 0:0 700001']);
    });

    it('of many entries let the event loop turn', async () => {
      const snapshotter = fresh();
      await using active = await snapshotter.prepare(undefined);
      {
        await using mounted = await active.mount();
        for (let i = 0; i < 20_000; i++) mounted.root.symlink(bytes('x'), `l${i}` as ByteString);
      }
      const snapshot = await active.commit();
      let turns = 0;
      const timer = setInterval(() => turns++, 1);
      expect(await changesOf(snapshotter, snapshot)).toHaveLength(20_000);
      clearInterval(timer);
      expect(turns).toBeGreaterThan(0);
    });
  });
}
