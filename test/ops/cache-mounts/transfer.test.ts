import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { built } from '../../support/built-tree.ts';
import { tsbuildWithBusybox, type Tsbuild } from '../../support/cli.ts';
import { makeContext } from '../../support/context.ts';
import { requires } from '../../support/requires.ts';
import { runOk } from '../../support/run-command.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { treeOfFolder, type TreeEntry } from '../../support/tree.ts';
import { cacheFolder } from '../../support/cache-folder.ts';

/** One cache with every kind of file, one with an owner and mode of its own, one that began as a copy. */
const dockerfile = `FROM busybox:1 AS seed
RUN mkdir -p /data/sub && echo seeded > /data/file
FROM busybox:1
RUN --mount=type=cache,target=/root/.npm cd /root/.npm && mkdir -m 2750 d && chown 1000:50 d && echo 1 > d/a && ln d/a b \\
  && ln -s /etc/passwd l && mkfifo -m 600 p && touch .wh.a .wh..wh..opq && cp /bin/busybox su && chmod 4711 su && mknod null c 1 3 \\
  && touch -h -d @1 l && chmod 711 . && chown 3:4 .
RUN --mount=type=cache,id=own,target=/c,uid=7,gid=8,mode=0710 touch /c/mine
RUN --mount=type=cache,id=copied,from=seed,source=/data,target=/c echo more >> /c/file
`;

/** The same mounts, looked at. */
const look = `FROM busybox:1 AS seed
RUN mkdir -p /data/sub && echo seeded > /data/file
FROM busybox:1
RUN --mount=type=cache,target=/root/.npm ls -A /root/.npm; cat /root/.npm/b
RUN --mount=type=cache,id=own,target=/c,uid=7,gid=8,mode=0710 stat -c "%a %u:%g" /c /c/mine
RUN --mount=type=cache,id=copied,from=seed,source=/data,target=/c cat /c/file
`;

describe('B-04 cache mounts from store to store', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:tar');
  let from: Tsbuild;
  let to: Tsbuild;
  let archive: string;

  beforeAll(async () => {
    [from, to] = [await tsbuildWithBusybox(), await tsbuildWithBusybox()];
    const context = makeContext({ Dockerfile: dockerfile });
    await built({ root: from.root, context });
    archive = join(tempFolder('archive').path, 'caches.tar.zst');
    await from.ok(['cache', 'export', '-o', archive]);
  });

  it('have the same files, and builds find them under the same mounts', async () => {
    expect(await to.ok(['cache', 'import', archive])).toBe(
      ['/root/.npm', 'copied', 'own'].map((id) => `Imported cache mount: ${id}`).join('\n'),
    );
    const { output } = await built({ root: to.root, context: makeContext({ Dockerfile: look }) });
    expect(output.split('\n')).toEqual([
      ...['.wh..wh..opq', '.wh.a', 'b', 'd', 'l', 'p', 'su', '1'],
      ...['710 7:8', '644 0:0', 'seeded', 'more', ''],
    ]);
    const trees = [from, to].map(({ root }) =>
      treeOfFolder(cacheFolder(root, '/root/.npm'), { times: true }),
    );
    const [before = [], after] = await Promise.all(trees);
    expect(before.map(({ path }) => path)).toContain('null');
    // Nobody needs a device of another machine, and its removal is not the folder's business.
    expect(after).toEqual(before.filter(({ type }: TreeEntry) => type !== 'char'));
    const times = [from, to].map(({ root }) =>
      statSync(join(cacheFolder(root, '/root/.npm'), 'd/a'), { bigint: true }),
    );
    expect(times.map(({ mtimeNs }) => mtimeNs)).toEqual(Array(2).fill(times[0]?.mtimeNs));
    expect(Number(times[0]?.mtimeNs)).toBeGreaterThan(0);
  });

  it('the same files give the same bytes, of every compression the same tar', async () => {
    const folder = tempFolder('again').path;
    const file = (name: string): string => join(folder, name);
    await from.ok(['cache', 'export', '-o', file('zst')]);
    await from.ok(['cache', 'export', '--compression', 'gzip', '-o', file('gz')]);
    await from.ok(['cache', 'export', '--compression', 'uncompressed', '-o', file('tar')]);
    expect(readFileSync(file('zst')).equals(readFileSync(archive))).toBe(true);
    const names = await Promise.all([
      runOk(['tar', '-tf', file('tar')]),
      runOk(['tar', '-I', 'gzip', '-tf', file('gz')]),
    ]);
    expect(names[1]).toBe(names[0]);
    expect(names[0].split('\n').slice(0, 3)).toEqual(['tsbuild-cache-mounts.json', '0/', '0/.wh..wh..opq']);
  });

  it('replace what is there, whole', async () => {
    const cache = cacheFolder(to.root, '/root/.npm');
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(cache, 'only-here'), '');
    await to.ok(['cache', 'import', archive]);
    expect((await treeOfFolder(cache)).map(({ path }) => path)).not.toContain('only-here');
  });

  it('one alone, by id and by short id, under another id', async () => {
    const one = join(tempFolder('one').path, 'one.tar');
    await from.ok(['cache', 'export', '--id', '/root/.npm', '-o', one]);
    expect(await to.ok(['cache', 'import', '--id', 'elsewhere', one])).toBe(
      'Imported cache mount: elsewhere',
    );
    expect((await treeOfFolder(cacheFolder(to.root, 'elsewhere'))).map(({ path }) => path)).toContain('d/a');
    const rows = (await from.ok(['cache', 'ls', '--format', 'json']))
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    const short = rows.find(({ CacheID }) => CacheID === '/root/.npm')?.ID ?? '';
    const same = join(tempFolder('same').path, 'same.tar');
    await from.ok(['cache', 'export', '--id', short, '-o', same]);
    expect(readFileSync(same).equals(readFileSync(one))).toBe(true);
  });

  it('any tar, with the id that it is to have', async () => {
    const folder = makeContext({ 'a/b': 'content' });
    const tar = join(tempFolder('tar').path, 'plain.tar');
    await runOk(['tar', '-C', folder, '-czf', tar, '.']);
    expect(await to.ok(['cache', 'import', '--id', 'plain', tar])).toBe('Imported cache mount: plain');
    const text = 'FROM busybox:1\nRUN --mount=type=cache,id=plain,target=/c cat /c/a/b\n';
    expect((await built({ root: to.root, context: makeContext({ Dockerfile: text }) })).output).toBe(
      'content',
    );
  });

  it('are listed and removed', async () => {
    const before = (await to.ok(['cache', 'ls'])).split('\n').map((line) => line.split(/ {2,}/)[1]);
    expect(before).toEqual(['CACHE MOUNT', '/root/.npm', 'copied', 'elsewhere', 'own', 'plain']);
    expect(await to.ok(['cache', 'rm', 'elsewhere', 'plain'])).toMatch(
      /^Removed: [0-9a-f]{12} elsewhere\nRemoved: [0-9a-f]{12} plain\nTotal reclaimed space: /,
    );
    expect((await to.ok(['cache', 'ls', '-q'])).split('\n')).toHaveLength(3);
  });
});

interface Row {
  readonly ID: string;
  readonly CacheID: string;
}
