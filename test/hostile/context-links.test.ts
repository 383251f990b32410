import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { built, type Built } from '../support/built-tree.ts';
import { makeContext } from '../support/context.ts';
import { startGitServer } from '../support/git-server.ts';
import { serveFiles } from '../support/http-server.ts';
import { makeTar, type TarSpec } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/**
 * A stranger's context whose files are links to files of this machine: what they hold must reach neither the image nor
 * a message (CVE-2026-44517, CVE-2026-33748).
 */
describe('S-38 links of a fetched context lead nowhere', () => {
  requires('root', 'overlay', 'tool:git');

  const copyAll = 'FROM scratch\nCOPY . /\n';
  const outside = makeContext({
    Dockerfile: 'FROM scratch\nLABEL stolen=1\n',
    secret: 'hunter2',
    ignore: 'kept\n',
  });

  type Way = (
    specs: readonly TarSpec[],
    run: (context: string, stdin?: Readable) => Promise<void>,
  ) => Promise<void>;

  const byStdin: Way = (specs, run) => run('-', Readable.from([makeTar(specs)]));

  const byUrl: Way = async (specs, run) => {
    await using server = await serveFiles({ '/x.tar': makeTar(specs) });
    await run(`${server.origin}/x.tar`);
  };

  const byGit: Way = async (specs, run) => {
    const work = tempFolder('work').path;
    for (const { path, body = '', link, type } of specs) {
      if (type === 'directory') mkdirSync(join(work, path));
      else if (link === undefined) writeFileSync(join(work, path), body);
      else symlinkSync(link, join(work, path));
    }
    const git = ['git', '-C', work, '-c', 'user.name=t', '-c', 'user.email=t@t'];
    await runOk([...git, 'init', '-q']);
    await runOk([...git, 'add', '-A']);
    await runOk([...git, 'commit', '-qm', 'one']);
    const served = tempFolder('served').path;
    await runOk(['git', 'clone', '-q', '--bare', work, join(served, 'x.git')]);
    await using server = await startGitServer(served);
    await run(`${server.url}/x.git`);
  };

  const ways: readonly (readonly [string, Way])[] = [
    ['standard input', byStdin],
    ['a URL', byUrl],
    ['git', byGit],
  ];
  const up = '../'.repeat(20);

  async function refused(way: Way, specs: readonly TarSpec[], file?: string): Promise<void> {
    await way(specs, async (context, stdin) => {
      const promise = built({ context, stdin, file });
      await expect(promise).rejects.toMatchObject({
        code: 'DOCKERFILE_NOT_FOUND',
        message: expect.not.stringContaining('hunter2') as string,
      });
    });
  }

  async function image(way: Way, specs: readonly TarSpec[]): Promise<Built> {
    let result: Built | undefined;
    await way(specs, async (context, stdin) => {
      result = await built({ context, stdin });
    });
    if (result === undefined) throw new Error('nothing was built');
    return result;
  }

  describe.each(ways)('by %s', (_name, way) => {
    it.each([
      `${outside}/Dockerfile`,
      `${up}${outside}/Dockerfile`,
      '/proc/self/root/etc/passwd',
      '/etc/passwd',
    ])('Dockerfile -> %s', async (link) => {
      await refused(way, [{ path: 'Dockerfile', type: 'symlink', link }]);
    });

    it('a folder of the path of -f', async () => {
      await refused(way, [{ path: 'docker', type: 'symlink', link: outside }], 'docker/Dockerfile');
    });

    it('a path of -f that climbs', async () => {
      await refused(way, [{ path: 'Dockerfile', body: copyAll }], `${up}${outside}/secret`);
    });

    it.each(['.dockerignore', 'Dockerfile.dockerignore'])('%s, which is not even read', async (path) => {
      const copied = await image(way, [
        { path: 'Dockerfile', body: copyAll },
        { path: 'kept', body: '' },
        { path, type: 'symlink', link: `${outside}/ignore` },
      ]);
      const entries = await copied.tree();
      expect(entries.map((entry) => entry.path)).toContain('kept');
      expect(entries.find((entry) => entry.path === path)).toMatchObject({
        type: 'symlink',
        content: `${outside}/ignore`,
      });
    });

    it('the source of a COPY', async () => {
      const specs: readonly TarSpec[] = [
        { path: 'Dockerfile', body: 'FROM scratch\nCOPY secret /\n' },
        { path: 'secret', type: 'symlink', link: `${outside}/secret` },
      ];
      await way(specs, async (context, stdin) => {
        await expect(built({ context, stdin })).rejects.toMatchObject({ code: 'COPY_SOURCE_NOT_FOUND' });
      });
    });
  });

  it('the folder of a repository that is the context', async () => {
    const specs: readonly TarSpec[] = [
      { path: 'Dockerfile', body: copyAll },
      { path: 'sub', type: 'symlink', link: outside },
    ];
    await byGit(specs, async (context) => {
      await expect(built({ context: `${context}#:sub` })).rejects.toMatchObject({ name: 'TsbuildError' });
    });
  });
});
