/** Edits on top of a base, and the changes they make, as `changeLine` prints them. */
export interface ChangeCase {
  readonly title: string;
  readonly base?: readonly string[];
  readonly edits: readonly string[];
  readonly changes: readonly string[];
}

const capability = '0100000200040000000000000000000000000000';

export const changeTable: readonly ChangeCase[] = [
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
