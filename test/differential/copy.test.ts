import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuild, type Tsbuild } from '../support/cli.ts';
import type { DockerClient } from '../support/docker-engine.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { treeOfTar, type TreeEntry } from '../support/tree.ts';

/** Times of the context and of the base; whatever is younger was set while building. */
const old = '2001-02-03T04:05:06Z';

/** The context; each case has its own folder of the destination, so that one build does for all. */
const contextScript = `
mkdir -p tree/sub/deep tree/empty tree/private links many 'with blank' archives
echo file > file; echo other > other; echo x > tree/x; echo y > tree/sub/y; echo z > tree/sub/deep/z
echo secret > tree/private/s; chmod 700 tree/private; chmod 6755 tree/x; chmod 600 other; chmod 1777 tree/empty
echo blank > 'with blank/a b'; echo target > links/target; mkdir links/dir; echo in > links/dir/in
ln -s target links/to-file; ln -s dir links/to-dir; ln -s missing links/dangling; ln -s /etc/passwd links/absolute
ln -s ../file links/up
for name in a.txt b.txt c.md '[x].txt' sp*r; do echo "$name" > "many/$name"; done; mkdir many/d.txt; echo in > many/d.txt/in
echo hard > hard; ln hard hard2; mkdir hards; echo h > hards/one; ln hards/one hards/two
mkdir merge; mkdir merge/kept merge/new; chmod 711 merge/kept merge/new merge; echo m > merge/kept/m
mkdir packed; echo p > packed/p; chown -R 7:8 packed; chmod 750 packed
tar -C packed -cf archives/plain.tar .; tar -C packed -czf archives/z.tgz p; tar -C packed -cJf archives/x.txz p
tar -C packed -cjf archives/b.tbz p
echo not | gzip -n > archives/text.gz; tar -C packed -cf archives/under-other-name.txt p; : > archives/empty.tar
ln -s plain.tar archives/link.tar; rm -r packed
find . -exec touch -h -d ${old} {} +
`;

/** The base: what copies meet at their destination, and what they take from another stage. */
const baseScript = `
mkdir -p bin etc owned/sub; echo 'root:x:0:0::/:/bin/sh
ada:x:1000:1001::/:/bin/sh' > etc/passwd; printf 'root:x:0:\\nada:x:1001:\\nstaff:x:50:\\n' > etc/group
echo o > owned/o; echo p > owned/sub/p; chown -R 1000:1001 owned; chown 5:6 owned/sub/p; chmod 750 owned/sub; chmod 4755 owned/o
ln -s o owned/link; chown -h 3:4 owned/link
for case in merge-kept onto-folder-of-stage; do mkdir -p $case/kept $case/sub; chmod 700 $case $case/kept $case/sub; chown 9:9 $case $case/kept $case/sub; done
mkdir into-folder existing; chmod 700 into-folder; mkdir -p through-link/real; ln -s real through-link/link; ln -s /through-link/real through-link/absolute
echo before > existing/file; chmod 600 existing/file; chown 9:9 existing/file; ln -s file existing/link; ln -s nowhere existing/dangling
mkdir replaced; ln -s nowhere replaced/x; echo f > replaced/file
find . -exec touch -h -d ${old} {} +
`;

interface Differences {
  readonly because: string;
  /** As `diffLines` gives them. */
  readonly lines: readonly string[];
}

interface CopyCase {
  /** Folder of the destination. */
  readonly name: string;
  readonly title: string;
  readonly lines: readonly string[];
  /** Where Docker's builders of 20.10 differ, and why we do not follow. */
  readonly buildkit?: Differences;
  readonly classic?: Differences;
  /** The classic builder refuses it. */
  readonly inClassic?: false;
}

const cases: readonly CopyCase[] = [
  { name: 'file-named', title: 'L-164 a file under a new name', lines: ['COPY file /file-named/new'] },
  {
    name: 'file-into',
    title: 'L-164 a file into a folder that ends with a slash',
    lines: ['COPY file /file-into/deep/er/'],
  },
  {
    name: 'into-folder',
    title: 'L-163 L-164 a file into a folder that exists',
    lines: ['COPY other /into-folder'],
  },
  {
    name: 'relative',
    title: 'L-164 a dot is the working directory',
    lines: ['WORKDIR /relative/w', 'COPY file .', 'COPY other ./', 'COPY tree/x ../up'],
  },
  { name: 'tree', title: 'L-163 the contents of a folder', lines: ['COPY tree /tree'] },
  { name: 'tree-slash', title: 'L-162 L-163 with slashes everywhere', lines: ['COPY /tree/ /tree-slash/'] },
  {
    name: 'clamped',
    title: 'L-162 sources end at the root of the context',
    lines: ['COPY ../../file ./x/../other /clamped/'],
    inClassic: false,
  },
  { name: 'all', title: 'L-163 all of the context', lines: ['COPY . /all/'] },
  {
    name: 'several',
    title: 'L-163 several sources, a folder among them',
    lines: ['COPY file tree/sub other /several/'],
  },
  {
    name: 'merge-kept',
    title: 'L-163 a folder that exists keeps its own mode and owner, those in it do not',
    lines: ['COPY merge /merge-kept'],
  },
  {
    name: 'existing',
    title: 'L-168 L-174 a file over a file, over a link, over a dangling link',
    lines: ['COPY file /existing/file', 'COPY other /existing/dangling'],
  },
  {
    name: 'through-link',
    title: 'L-168 destinations are followed inside the root',
    lines: [
      'COPY file /through-link/link',
      'COPY other /through-link/absolute/new',
      'COPY tree/sub /through-link/link/',
    ],
  },
  {
    name: 'replaced',
    title: 'L-174 what is in the way of a file is replaced',
    lines: ['COPY tree/x file /replaced/'],
  },
  { name: 'links', title: 'L-167 links in a folder stay links', lines: ['COPY links /links'] },
  {
    name: 'links-named',
    title: 'L-167 a link given by name is followed',
    lines: ['COPY links/to-file links/up /links-named/', 'COPY links/to-dir /links-named/dir'],
  },
  {
    name: 'wild',
    title: 'L-166 wildcards',
    lines: [
      'COPY many/*.txt /wild/star/',
      'COPY many/[ab].??? /wild/set/',
      'COPY many/[[]x].txt /wild/escaped/',
      'COPY m*/c* /wild/path/',
    ],
  },
  {
    name: 'wild-links',
    title: 'L-166 L-167 wildcards match links, which are then followed',
    lines: ['COPY links/to-* /wild-links/'],
  },
  {
    name: 'wild-walk',
    title: 'L-166 wildcards do not walk into linked folders, unless those are named',
    lines: ['COPY links/to-d*/in file /wild-walk/', 'COPY links/to-dir/i* /wild-walk/below/'],
    inClassic: false,
  },
  {
    name: 'wild-none',
    title: 'L-166 wildcards that match nothing make nothing',
    lines: ['COPY file /wild-none/', 'COPY many/none* /wild-none/none/'],
    inClassic: false,
  },
  { name: 'blank', title: 'L-161 names with blanks', lines: ['COPY ["with blank/a b", "/blank/x y/"]'] },
  {
    name: 'chown',
    title: 'L-151 owners by name and number',
    lines: [
      'COPY --chown=ada tree /chown/ada',
      'COPY --chown=ada:staff file /chown/new/',
      'COPY --chown=7 file /chown/seven',
      'COPY --chown=7:0 links /chown/links',
    ],
    classic: {
      because: 'it gives the owner to the last folder made, not to those above it',
      lines: ['- . 755 0:0 new directory', '+ . 755 1000:1001 new directory'],
    },
  },
  {
    name: 'chown-group',
    title: 'L-151 a group alone',
    lines: ['COPY --chown=:50 file /chown-group/file'],
    inClassic: false,
  },
  {
    name: 'chmod',
    title: 'L-152 --chmod',
    lines: ['COPY --chmod=741 tree /chmod/tree', 'COPY --chmod=4750 file /chmod/new/'],
    buildkit: {
      because: 'newer ones give it to folders on the way, and all twelve bits of it',
      lines: [
        ...['- . 755', '+ . 741', '- new 755', '+ new 750', '- tree 755', '+ tree 741'].map(
          (line) => `${line} 0:0 new directory`,
        ),
        ...['- new/file 750 0:0 8b911a87', '+ new/file 4750 0:0 8b911a87'],
        ...['- tree/empty 1741 0:0 directory', '+ tree/empty 741 0:0 directory'],
        ...['- tree/x 6741 0:0 73cb3858', '+ tree/x 741 0:0 73cb3858'],
      ],
    },
    inClassic: false,
  },
  {
    name: 'hard',
    title: 'L-171 hard links of one source',
    lines: ['COPY hards /hard/within', 'COPY hard hard2 /hard/beside/'],
  },
  {
    name: 'from-stage',
    title: 'L-170 files of a stage keep their owners',
    lines: [
      'COPY --from=src /owned /from-stage/tree',
      'COPY --from=src /owned/o /owned/link /from-stage/',
      'COPY --from=src /owned/sub /from-stage/new/sub',
    ],
  },
  {
    name: 'from-stage-chown',
    title: 'L-151 unless --chown says otherwise',
    lines: ['COPY --from=src --chown=ada /owned /from-stage-chown/'],
  },
  {
    name: 'onto-folder-of-stage',
    title: 'L-163 a folder of a stage onto one that exists',
    lines: ['COPY --from=src /owned /onto-folder-of-stage'],
  },
  {
    name: 'workdir',
    title: 'L-198 WORKDIR belongs to its user',
    lines: [
      'USER ada',
      'WORKDIR /workdir/named',
      'USER 1234',
      'WORKDIR /workdir/number/deep',
      'USER 1234:50',
      'WORKDIR /workdir/group',
      'COPY file rel',
      'USER root',
      'WORKDIR /',
    ],
    classic: {
      because: 'it makes them root’s',
      lines: [
        ...['.', 'group', 'named', 'number', 'number/deep'].map((path) => `- ${path} 755 0:0 new directory`),
        ...['+ . 755 1000:1001', '+ named 755 1000:1001', '+ group 755 1234:50'].map(
          (line) => `${line} new directory`,
        ),
        ...['+ number 755 1234:1234', '+ number/deep 755 1234:1234'].map((line) => `${line} new directory`),
      ],
    },
  },
  {
    name: 'add',
    title: 'L-175 ADD unpacks by content',
    lines: [
      'ADD archives/plain.tar /add/plain',
      'ADD archives/z.tgz archives/x.txz archives/b.tbz /add/packed/',
      'ADD archives/text.gz /add/gz/',
      'ADD archives/under-other-name.txt /add/other',
      'ADD archives/link.tar /add/link',
      'ADD tree/x /add/plain-file',
    ],
  },
  {
    name: 'add-folder',
    title: 'L-175 archives in a folder stay archives',
    lines: ['ADD archives /add-folder'],
  },
];

function dockerfileOf(chosen: readonly CopyCase[]): string {
  return ['FROM copies:base AS src', 'FROM copies:base', ...chosen.flatMap(({ lines }) => lines), ''].join(
    '\n',
  );
}

describe('COPY and ADD', () => {
  requires('root', 'overlay', 'docker', 'tool:getfattr');
  let docker: DockerClient;
  let cli: Tsbuild;
  let context: string;
  let ours: TreeEntry[];

  beforeAll(async () => {
    docker = await dockerEngine();
    cli = tsbuild();
    const { path } = tempFolder('copies');
    const base = join(path, 'base');
    context = join(path, 'context');
    for (const [folder, script] of [
      [base, baseScript],
      [context, contextScript],
    ] as const) {
      mkdirSync(folder);
      await runOk(['bash', '-euc', script], { cwd: folder });
    }
    await runOk(['tar', '--numeric-owner', '-C', base, '-cf', join(path, 'base.tar'), '.']);
    await docker.ok(['import', join(path, 'base.tar'), 'copies:base']);
    await cli.ok(['import', join(path, 'base.tar'), 'copies:base']);
    writeFileSync(join(path, 'Dockerfile'), dockerfileOf(cases));
    await cli.ok(['build', '-t', 'copies:ours', '-f', join(path, 'Dockerfile'), context]);
    await cli.ok(['save', '-o', join(path, 'ours.tar'), 'copies:ours']);
    await docker.ok(['load', '-i', join(path, 'ours.tar')]);
    ours = await exported('copies:ours');
  });

  async function exported(image: string): Promise<TreeEntry[]> {
    const { path } = tempFolder('rootfs');
    await docker.exportRootfs(image, join(path, 'rootfs.tar'));
    return (await treeOfTar(join(path, 'rootfs.tar'), { times: true })).map((entry) => ({
      ...entry,
      mtime: (entry.mtime ?? 0) > 1_100_000_000 ? Infinity : (entry.mtime ?? 0),
    }));
  }

  describe.each([
    { builder: 'BuildKit', buildkit: true, chosen: cases },
    {
      builder: 'the classic builder',
      buildkit: false,
      chosen: cases.filter(({ inClassic }) => inClassic !== false),
    },
  ])('as $builder', ({ buildkit, chosen }) => {
    let theirs: TreeEntry[];
    beforeAll(async () => {
      const tag = `copies:${buildkit ? 'buildkit' : 'classic'}`;
      const file = join(context, '..', `Dockerfile.${buildkit ? 'buildkit' : 'classic'}`);
      writeFileSync(file, dockerfileOf(chosen));
      await docker.build(context, { buildkit, tag, args: ['-f', file] });
      theirs = await exported(tag);
    });

    it.each(chosen)('$title', ({ name, ...different }) => {
      const lines = (tree: readonly TreeEntry[]): string[] =>
        tree
          .filter(({ path }) => path === name || path.startsWith(`${name}/`))
          .map((entry) => lineOf(forgetful(buildkit ? entry : withoutSetId(entry), theirs), name));
      const known = (buildkit ? different.buildkit : different.classic)?.lines ?? [];
      expect(diffLines(lines(theirs), lines(ours))).toEqual([...known].sort());
    });
  });
});

/** `sub/file 644 0:0 old …`: what is compared, short enough to be written down as a difference. */
function lineOf({ path, type, mode, owner, content, hardLinkOf, mtime }: TreeEntry, name: string): string {
  const more = type === 'file' ? '' : ` ${type}${content === undefined ? '' : ` ${content}`}`;
  const time = mtime === Infinity ? ' new' : '';
  const link = hardLinkOf === undefined ? '' : ` = ${hardLinkOf.slice(name.length + 1)}`;
  const text = type === 'file' ? ` ${(content ?? '').slice(0, 8)}` : '';
  return `${path === name ? '.' : path.slice(name.length + 1)} ${mode} ${owner}${time}${more}${text}${link}`;
}

/** Both builders of 20.10 forget the time of most folders; we keep it, lest a layer says when it was built. */
function forgetful(entry: TreeEntry, theirs: readonly TreeEntry[]): TreeEntry {
  const other = theirs.find(({ path }) => path === entry.path);
  return entry.type === 'directory' && other?.mtime === Infinity ? { ...entry, mtime: Infinity } : entry;
}

/** The classic builder gives owners after modes, which clears these bits of files. */
function withoutSetId(entry: TreeEntry): TreeEntry {
  return entry.type === 'file' ? { ...entry, mode: (parseInt(entry.mode, 8) & 0o1777).toString(8) } : entry;
}

/** `- ` only theirs, `+ ` only ours. */
function diffLines(theirs: readonly string[], ours: readonly string[]): string[] {
  const removed = theirs.filter((line) => !ours.includes(line)).map((line) => `- ${line}`);
  const added = ours.filter((line) => !theirs.includes(line)).map((line) => `+ ${line}`);
  return [...removed, ...added].sort();
}
