import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { ByteString } from '../../src/core/index.ts';
import type { Change, Snapshot, Snapshotter } from '../../src/snapshot/types.ts';
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
      const before = readFileSync('/proc/self/mountinfo', 'latin1');
      await using active = await snapshotter.prepare(undefined);
      await using mounted = await active.mount();
      await using view = await snapshotter.view(undefined);
      expect([mounted, view]).toHaveLength(2);
      expect(readFileSync('/proc/self/mountinfo', 'latin1')).toBe(before);
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

interface ChangeCase {
  readonly title: string;
  readonly base?: readonly string[];
  readonly edits: readonly string[];
  readonly changes: readonly string[];
}

const capability = '0100000200040000000000000000000000000000';

const changeTable: readonly ChangeCase[] = [
  {
    title: 'O-35 every kind of entry, parents once and before their children, names relative and sorted',
    edits: [
      'file z 0644 text',
      'dir a/b/c 0700',
      'file a/b/f 4755 x',
      'symlink a/link ../z',
      'char null 1:3',
      'block disk 8:1',
      'fifo pipe 0622',
      'chown z 1000:70000',
    ],
    changes: [
      'dir a 755 0:0',
      'dir a/b 755 0:0',
      'dir a/b/c 700 0:0',
      'file a/b/f 4755 0:0 1',
      'symlink a/link ../z',
      'block disk 8:1',
      'char null 1:3',
      'fifo pipe 622',
      'file z 644 1000:70000 4',
    ],
  },
  {
    title: 'O-36 removals are explicit and come before additions of the same directory',
    base: ['dir d 0755', 'file d/a 0644', 'file d/z 0644', 'dir d/sub 0755', 'file d/sub/x 0644'],
    edits: ['rm d/z', 'rm d/sub', 'file d/b 0644'],
    changes: ['dir d 755 0:0', 'rm d/sub', 'rm d/z', 'file d/b 644 0:0 0'],
  },
  {
    title: 'O-38 a directory made anew removes each old name that it does not have',
    base: [
      'dir d/deep/er 0755',
      'file d/a 0644 a',
      'file d/b 0644 b',
      'file d/deep/x 0644',
      'file d/deep/er/y 0644',
    ],
    edits: ['rm d', 'dir d 0755', 'file d/b 0644 new', 'dir d/deep 0755', 'file d/deep/n 0644'],
    changes: [
      'dir d 755 0:0',
      'rm d/a',
      'file d/b 644 0:0 3',
      'dir d/deep 755 0:0',
      'rm d/deep/er',
      'rm d/deep/x',
      'file d/deep/n 644 0:0 0',
    ],
  },
  {
    title: 'a name made and removed again is no change, nor is a removal undone to the second',
    base: ['file f 0644 x', 'time f 5'],
    edits: ['file g 0644', 'rm g', 'rm f', 'file f 0644 x', 'time f 5'],
    changes: [],
  },
  {
    title: 'copied up but unchanged: nothing; changed attributes only: the entry',
    base: [
      'file same 0644 x',
      'file mode 0644 x',
      'file owner 0644 x',
      'dir d 0755',
      'file d/f 0644',
      'dir e 0755',
      'file e/f 0644',
    ],
    edits: [
      'chmod same 0600',
      'chmod same 0644',
      'chmod mode 0600',
      'chown owner 1:2',
      'chmod d/f 0600',
      'chmod d/f 0644',
      'chmod e/f 2755',
    ],
    changes: ['dir e 755 0:0', 'file e/f 2755 0:0 0', 'file mode 600 0:0 1', 'file owner 644 1:2 1'],
  },
  {
    title: 'a changed type is one put',
    base: [
      'dir dir2file/x 0755',
      'file file2dir 0644',
      'symlink link2dir file2dir',
      'dir dir2link/x 0755',
      'file file2fifo 0644',
      'file file2link 0644',
    ],
    edits: [
      'rm dir2file',
      'file dir2file 0644',
      'rm file2dir',
      'dir file2dir 0755',
      'file file2dir/in 0644',
      'rm link2dir',
      'dir link2dir 0755',
      'file link2dir/in 0644',
      'rm dir2link',
      'symlink dir2link /x',
      'rm file2fifo',
      'fifo file2fifo 0644',
      'rm file2link',
      'symlink file2link x',
    ],
    changes: [
      'file dir2file 644 0:0 0',
      'symlink dir2link /x',
      'dir file2dir 755 0:0',
      'file file2dir/in 644 0:0 0',
      'fifo file2fifo 644',
      'symlink file2link x',
      'dir link2dir 755 0:0',
      'file link2dir/in 644 0:0 0',
    ],
  },
  {
    title: 'O-35 hard links within the layer, across directories: the first name has the content',
    edits: [
      'dir b 0755',
      'file b/one 0644 text',
      'dir a 0755',
      'hardlink a/two b/one',
      'hardlink c a/two',
      'symlink s x',
      'hardlink t s',
    ],
    changes: [
      'dir a 755 0:0',
      'file a/two 644 0:0 4',
      'dir b 755 0:0',
      'hardlink b/one a/two',
      'hardlink c a/two',
      'symlink s x',
      'hardlink t s',
    ],
  },
  {
    title: 'a hard link to a file of the parents brings its target into the layer',
    base: ['file a 0644 text'],
    edits: ['hardlink b a'],
    changes: ['file a 644 0:0 4', 'hardlink b a'],
  },
  {
    title: 'hard links of the parents, untouched or changed by one name',
    base: ['file a 0644 text', 'hardlink b a', 'hardlink c a', 'file x 0644 text', 'hardlink y x'],
    edits: ['chmod b 0600', 'chmod x 0600', 'chmod x 0644'],
    changes: ['file b 600 0:0 4'],
  },
  {
    title: 'O-35 xattrs: capabilities and user attributes are kept, nothing of overlay or the host',
    edits: [
      'file f 0755',
      `xattr f security.capability ${capability}`,
      'xattr f user.note 00ff0a',
      'xattr f user.overlay.opaque 79',
      'xattr f trusted.secret 01',
      'dir d 0755',
      'xattr d user.on\\sdir 01',
    ],
    changes: [
      'dir d 755 0:0 user.on\\sdir=01',
      `file f 755 0:0 0 security.capability=${capability} user.note=00ff0a`,
    ],
  },
  {
    title: 'a changed xattr alone is a change',
    base: ['file f 0644 x', 'xattr f user.a 01', 'file g 0644 x', 'xattr g user.a 01'],
    edits: ['xattr f user.a 02', 'xattr g user.a 01', 'xattr g trusted.b 01'],
    changes: ['file f 644 0:0 1 user.a=02'],
  },
  {
    title: 'owners beyond the old limits',
    edits: ['file f 0644', 'chown f 4294967294:2097152'],
    changes: ['file f 644 4294967294:2097152 0'],
  },
];
