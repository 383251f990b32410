import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { built, treeLines, type Built } from '../support/built-tree.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import type { TreeEntry } from '../support/tree.ts';

/** Seconds; the context's times in these tests. */
const old = 1_000_000_000;

async function copied(dockerfile: string, files: Readonly<Record<string, string>>): Promise<string[]> {
  const context = makeContext({ ...files, Dockerfile: dockerfile });
  return treeLines(await (await built({ context })).tree());
}

function entry(tree: readonly TreeEntry[], path: string): TreeEntry {
  const found = tree.find((candidate) => candidate.path === path);
  if (found === undefined) throw new Error(`no ${path} in ${tree.map((each) => each.path).join(' ')}`);
  return found;
}

describe('COPY', () => {
  requires('root', 'overlay', 'tool:getfattr', 'tool:tar');

  it('L-170 keeps times, those of folders too, and dates the destination after the source', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY src /dest\n', 'src/sub/file': 'x' });
    for (const path of ['src/sub/file', 'src/sub', 'src'])
      utimesSync(join(context, path), old, old + path.length);
    const tree = await (await built({ context })).tree();
    expect(tree.map(({ path, mtime }) => [path, mtime])).toEqual([
      ['dest', old + 'src'.length],
      ['dest/sub', old + 'src/sub'.length],
      ['dest/sub/file', old + 'src/sub/file'.length],
    ]);
  });

  it('L-171 copies devices, fifos, attributes and names of any bytes', async () => {
    const context = makeContext({
      Dockerfile: 'FROM scratch\nCOPY src /\nCOPY names /names\nCOPY names/[*] /star\n',
    });
    const script = String.raw`
      mkdir -p src/d names/$'d\xff'; mknod src/null c 1 3; mknod src/disk b 8 1; mkfifo -m 622 src/fifo
      echo x > src/caps; setcap cap_net_raw+ep src/caps; setfattr -n user.note -v hello src/caps
      setfattr -n trusted.secret -v no src/caps; setfattr -n user.dir -v 1 src/d
      touch names/$'\xfe\xff' names/'*' names/$'d\xff/new\nline'`;
    await runOk(['bash', '-euc', script], { cwd: context });
    const tree = await (await built({ context })).tree();
    expect(treeLines(tree)).toEqual([
      'caps 644 0:0',
      'd 755 0:0 directory',
      'disk 644 0:0 block 8:1',
      'fifo 622 0:0 fifo',
      'names 755 0:0 directory',
      'names/* 644 0:0',
      'names/d\xff 755 0:0 directory',
      'names/d\xff/new\nline 644 0:0',
      'names/\xfe\xff 644 0:0',
      'null 644 0:0 char 1:3',
      'star 644 0:0',
    ]);
    expect(entry(tree, 'caps').xattrs?.map((xattr) => xattr.replace(/=.*/, ''))).toEqual([
      'security.capability',
      'user.note',
    ]);
    expect(entry(tree, 'd').xattrs).toEqual(['user.dir=0x31']);
  });

  it('L-173 takes only what is not ignored, exceptions and all', async () => {
    const ignore = [
      '**/*.log',
      '!keep.log',
      'folder',
      '!folder/deep/shown',
      'secret',
      'Dockerfile',
      '.dockerignore',
      '',
    ];
    const files = {
      'a.log': '',
      'keep.log': '',
      'sub/b.log': '',
      'sub/c': '',
      'folder/x': '',
      'folder/deep/shown': '',
    };
    expect(
      await copied('FROM scratch\nCOPY . /all/\nCOPY folder /folder\nCOPY *.log /logs/\n', {
        ...files,
        'folder/deep/hidden': '',
        secret: '',
        '.dockerignore': ignore.join('\n'),
      }),
    ).toEqual([
      ...['all 755 0:0 directory', 'all/folder 755 0:0 directory', 'all/folder/deep 755 0:0 directory'],
      ...[
        'all/folder/deep/shown 644 0:0',
        'all/keep.log 644 0:0',
        'all/sub 755 0:0 directory',
        'all/sub/c 644 0:0',
      ],
      ...['folder 755 0:0 directory', 'folder/deep 755 0:0 directory', 'folder/deep/shown 644 0:0'],
      ...['logs 755 0:0 directory', 'logs/keep.log 644 0:0'],
    ]);
  });

  it('L-155 --exclude leaves out by patterns below each source', async () => {
    const files = {
      'src/a.md': '',
      'src/b': '',
      'src/sub/c.md': '',
      'src/sub/d': '',
      'x.md': '',
      'y.txt': '',
    };
    const lines = [
      'COPY --exclude=*.md src /top',
      'COPY --exclude=**/*.md --exclude=!sub/c.md src /deep',
      'COPY --exclude=sub src /dir',
      'COPY --exclude=*.md *.md y.txt /named/',
    ];
    expect(await copied(`FROM scratch\n${lines.join('\n')}\n`, files)).toEqual([
      ...[
        'deep 755 0:0 directory',
        'deep/b 644 0:0',
        'deep/sub 755 0:0 directory',
        'deep/sub/c.md 644 0:0',
        'deep/sub/d 644 0:0',
      ],
      ...['dir 755 0:0 directory', 'dir/a.md 644 0:0', 'dir/b 644 0:0'],
      ...['named 755 0:0 directory', 'named/y.txt 644 0:0'],
      ...[
        'top 755 0:0 directory',
        'top/b 644 0:0',
        'top/sub 755 0:0 directory',
        'top/sub/c.md 644 0:0',
        'top/sub/d 644 0:0',
      ],
    ]);
  });

  it('L-047 writes heredocs as files', async () => {
    const dockerfile = `FROM scratch
COPY <<one <<two file /dir/
first
one
second
two
COPY --chown=7:8 --chmod=u=rwx,go=x <<script /bin/run
#!/bin/sh
script
COPY <<again /dir/one
replaced
again
`;
    const context = makeContext({ Dockerfile: dockerfile, file: '' });
    const tree = await (await built({ context })).tree();
    expect(treeLines(tree)).toEqual([
      ...['bin 755 7:8 directory', 'bin/run 711 7:8', 'dir 755 0:0 directory'],
      ...['dir/file 644 0:0', 'dir/one 644 0:0', 'dir/two 644 0:0'],
    ]);
    expect(entry(tree, 'dir/one').content).toBe(createHash('sha256').update('replaced\n').digest('hex'));
  });

  it('L-151 takes names from the files of the stage it copies into', async () => {
    const passwd = 'root:x:0:0::/:\nada:x:1000:1001::/:\n';
    const lines = [
      'FROM scratch',
      'COPY etc /etc',
      'COPY --chown=ada f /user',
      'COPY --chown=ada:staff f /both',
      'COPY --chown=0:staff f /group',
      'COPY --chown=5 f /number',
      'COPY --chown=5:6 f /numbers',
    ];
    const tree = await copied(lines.join('\n'), {
      'etc/passwd': passwd,
      'etc/group': 'staff:x:50:\n',
      f: '',
    });
    expect(tree.filter((line) => !line.startsWith('etc'))).toEqual([
      'both 644 1000:50',
      'group 644 0:50',
      'number 644 5:5',
      'numbers 644 5:6',
      'user 644 1000:1001',
    ]);
  });

  it.each([
    { line: 'COPY --chown=eve f /', code: 'USER_NOT_FOUND', message: /eve/, hint: /\/etc\/passwd/ },
    {
      line: 'COPY fil /',
      code: 'COPY_SOURCE_NOT_FOUND',
      message: /"fil" does not exist/,
      hint: /did you mean file\?/,
    },
    {
      line: 'COPY sub/one /',
      code: 'COPY_SOURCE_NOT_FOUND',
      message: /sub\/one/,
      hint: /did you mean sub\/once\?/,
    },
    {
      line: 'COPY zzzzzz /',
      code: 'COPY_SOURCE_NOT_FOUND',
      message: /zzzzzz/,
      hint: /relative to the root of the build context/,
    },
    {
      line: 'COPY hidden /',
      code: 'COPY_SOURCE_NOT_FOUND',
      message: /excluded by \.dockerignore/,
      hint: /!hidden/,
    },
    { line: 'COPY s* /', code: undefined, message: undefined, hint: undefined },
    { line: 'COPY f* sub /x', code: 'DOCKERFILE_INVALID', message: /needs a folder/, hint: /\/x\// },
    { line: 'COPY fi* f[.]? /x/y/', code: undefined, message: undefined, hint: undefined },
    { line: 'COPY f* /x', code: 'COPY_FAILED', message: /2 sources cannot all become \/x/, hint: /\/x\// },
    { line: 'COPY --chmod=rwx f /', code: 'DOCKERFILE_INVALID', message: /invalid chmod/, hint: /octal/ },
    {
      line: 'COPY --from=scratch f /',
      code: 'COPY_SOURCE_NOT_FOUND',
      message: /"f" does not exist/,
      hint: undefined,
    },
  ])('L-151 L-152 L-165 L-180 $line: $code', async ({ line, code, message, hint }) => {
    const context = makeContext({
      Dockerfile: `FROM scratch\nCOPY etc /etc\n${line}\n`,
      'etc/passwd': '',
      f: '',
      file: '',
      'sub/once': '',
      hidden: '',
      '.dockerignore': 'hidden',
    });
    const building = built({ context });
    if (code === undefined) {
      await expect(building).resolves.toBeDefined();
      return;
    }
    const error: unknown = await building.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string });
    expect(error).toMatchObject({ at: { range: { startLine: 3 } } });
    if (hint !== undefined) expect(error).toMatchObject({ hint: expect.stringMatching(hint) as string });
  });
});

describe('ADD', () => {
  requires('root', 'overlay', 'tool:getfattr', 'tool:tar', 'tool:xz', 'tool:bzip2', 'tool:zstd');

  it('L-175 unpacks by content, whatever the compression and the name', async () => {
    const context = makeContext({ 'packed/file': 'x' });
    const commands = [
      'chmod 600 packed/file; chown 7:8 packed/file',
      'tar -cf plain packed; gzip -c plain > a.gz; bzip2 -c plain > b; xz -c plain > c.txt; zstd -q plain -o d.zst',
      'echo text > text; gzip -c text > e.gz; xz -c text > f.xz; : > empty; head -c 300 plain > cut; head -c 60 a.gz > cut.gz',
    ];
    await runOk(['bash', '-euc', commands.join('\n')], { cwd: context });
    const archives = ['plain', 'a.gz', 'b', 'c.txt', 'd.zst'];
    const others = ['e.gz', 'f.xz', 'empty', 'cut', 'cut.gz', 'text'];
    const lines = [
      ...archives.map((name) => `ADD ${name} /${name}`),
      ...others.map((name) => `ADD ${name} /${name}`),
      'ADD --unpack=false plain /left',
      'ADD --chown=1:2 plain /owned',
      'COPY plain /copied',
    ];
    writeContext(context, { Dockerfile: `FROM scratch\n${lines.join('\n')}\n` });
    const tree = treeLines(await (await built({ context })).tree());
    for (const name of archives) {
      expect(tree).toContain(`${name} 755 0:0 directory`);
      expect(tree).toContain(`${name}/packed/file 600 7:8`);
    }
    for (const name of [...others, 'left', 'copied']) expect(tree).toContain(`${name} 644 0:0`);
    expect(tree.filter((line) => line.startsWith('owned'))).toEqual([
      'owned 755 1:2 directory',
      'owned/packed 755 1:2 directory',
      'owned/packed/file 600 1:2',
    ]);
  });

  it.each([
    { title: 'a name with ..', script: "echo x > x; tar -Pcf evil.tar --transform 's,^,../../,' x" },
    {
      title: 'an absolute link that its own files go through',
      script:
        'ln -s / l; mkdir d; echo x > d/x; tar -cf evil.tar l; tar -rf evil.tar --transform s,^d,l, d/x',
    },
    {
      title: 'a link that was there before',
      script: 'mkdir d; echo x > d/x; tar -cf evil.tar --transform s,^d,link, d/x',
    },
  ])('L-175 an archive reaches nothing outside its destination: $title', async ({ script }) => {
    const context = makeContext({
      Dockerfile: 'FROM scratch\nCOPY base /\nADD evil.tar /dest/\n',
      'base/dest/f': '',
      'base/x': 'mine',
    });
    symlinkSync('/', join(context, 'base/dest/link'));
    await runOk(['bash', '-euc', script], { cwd: context });
    const outcome = await built({ context }).catch((error: unknown) => error);
    if (outcome instanceof Error) {
      expect(outcome).toMatchObject({ code: 'ARCHIVE_INVALID' });
      return;
    }
    const tree = await (outcome as Built).tree();
    expect(tree.map(({ path }) => path).filter((path) => !path.startsWith('dest/'))).toEqual(['dest', 'x']);
    expect(entry(tree, 'x').content).toBe(createHash('sha256').update('mine').digest('hex'));
  });
});

describe('the key of a COPY', () => {
  requires('root', 'overlay');
  const dockerfile = 'FROM scratch\nCOPY src /src\nCOPY last /\n';

  async function rebuilt(change: (context: string) => void): Promise<Built> {
    const root = tempFolder('root').path;
    const context = makeContext({
      Dockerfile: dockerfile,
      'src/a': 'a',
      'src/b': 'b',
      last: 'last',
      unused: '',
    });
    await built({ context, root });
    change(context);
    return built({ context, root });
  }

  it.each<readonly [what: string, change: (context: string) => void]>([
    ['a time', (context) => utimesSync(join(context, 'src/a'), old, old)],
    ['a file that it does not take', (context) => writeContext(context, { unused: 'changed' })],
    ['a new file beside its own', (context) => writeContext(context, { new: '' })],
    ['a label', (context) => writeContext(context, { Dockerfile: `${dockerfile}LABEL a=b\n` })],
    ['a comment', (context) => writeContext(context, { Dockerfile: `# hello\n${dockerfile}` })],
    ['the same again', (context) => writeContext(context, { 'src/a': 'a' })],
  ])('L-172 S-53 does not know %s', async (_, change) => {
    expect(await rebuilt(change)).toMatchObject({ ran: [], cached: { length: 3 } });
  });

  it.each<readonly [what: string, change: (context: string) => void]>([
    ['content', (context) => writeContext(context, { 'src/a': 'A' })],
    ['a mode', (context) => chmodSync(join(context, 'src/a'), 0o755)],
    ['a name', (context) => renameSync(join(context, 'src/a'), join(context, 'src/c'))],
    ['a new file', (context) => writeContext(context, { 'src/c': '' })],
    ['an empty folder', (context) => mkdirSync(join(context, 'src/d'))],
    ['the mode of a folder', (context) => mkdirSync(join(context, 'src/d'), { mode: 0o700 })],
    ['where a link leads', (context) => symlinkSync('a', join(context, 'src/l'))],
    [
      'the destination',
      (context) => writeContext(context, { Dockerfile: dockerfile.replace('/src', '/dst') }),
    ],
    [
      'the owner',
      (context) =>
        writeContext(context, { Dockerfile: dockerfile.replace('COPY src', 'COPY --chown=1 src') }),
    ],
    [
      'the mode asked for',
      (context) =>
        writeContext(context, { Dockerfile: dockerfile.replace('COPY src', 'COPY --chmod=700 src') }),
    ],
    [
      'what is left out',
      (context) =>
        writeContext(context, { Dockerfile: dockerfile.replace('COPY src', 'COPY --exclude=b src') }),
    ],
    ['what is ignored', (context) => writeContext(context, { '.dockerignore': 'src/b' })],
  ])('L-172 knows %s', async (_, change) => {
    expect((await rebuilt(change)).ran).toHaveLength(2);
  });

  it('L-172 knows the owners of a stage’s files, and nothing else of the stage', async () => {
    const root = tempFolder('root').path;
    const context = makeContext({ a: 'a', b: 'b' });
    const build = async (owner: string, unused: string): Promise<Built> => {
      const lines = [
        'FROM scratch AS stage',
        `COPY --chown=${owner} a /x/`,
        `COPY <<E /unused`,
        unused,
        'E',
        'FROM scratch',
        'COPY --from=stage /x /x',
        'COPY b /',
      ];
      writeContext(context, { Dockerfile: lines.join('\n') });
      return built({ context, root });
    };
    await build('1:1', 'one');
    expect((await build('1:1', 'two')).ran).toEqual([expect.stringContaining('/unused')]);
    expect((await build('2:1', 'two')).ran).toHaveLength(4);
    expect(treeLines(await (await build('2:1', 'two')).tree())).toContain('x/a 644 2:1');
  });

  it('C-19 S-53 of one Dockerfile is not another’s: the parent counts', async () => {
    const root = tempFolder('root').path;
    const context = makeContext({ a: 'a', one: '1', two: '2' });
    for (const first of ['one', 'two']) {
      writeContext(context, { Dockerfile: `FROM scratch\nCOPY ${first} /\nCOPY a /\n` });
      expect((await built({ context, root })).ran).toHaveLength(first === 'one' ? 3 : 2);
    }
  });
});
