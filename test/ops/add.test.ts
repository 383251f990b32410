import { createHash } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { built, entryOf, treeLines, type Built } from '../support/built-tree.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';

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
    expect(entryOf(tree, 'x').content).toBe(createHash('sha256').update('mine').digest('hex'));
  });
});
