import { createHash } from 'node:crypto';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { built, entryOf, treeLines } from '../support/built-tree.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';

/** Seconds; the context's times in these tests. */
const old = 1_000_000_000;

async function copied(dockerfile: string, files: Readonly<Record<string, string>>): Promise<string[]> {
  const context = makeContext({ ...files, Dockerfile: dockerfile });
  return treeLines(await (await built({ context })).tree());
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
    expect(entryOf(tree, 'caps').xattrs?.map((xattr) => xattr.replace(/=.*/, ''))).toEqual([
      'security.capability',
      'user.note',
    ]);
    expect(entryOf(tree, 'd').xattrs).toEqual(['user.dir=0x31']);
  });

  it('L-180 takes only what is not ignored, exceptions and all', async () => {
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
    expect(entryOf(tree, 'dir/one').content).toBe(createHash('sha256').update('replaced\n').digest('hex'));
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
