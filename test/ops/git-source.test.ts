import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fromText, toText } from '../../src/core/index.ts';
import { parseGitSource } from '../../src/dockerfile/index.ts';
import { GitOp } from '../../src/ops/sources/git.ts';
import type { BuildServices } from '../../src/ops/index.ts';
import { makeContext } from '../support/context.ts';
import { testRepository, type TestRepository } from '../support/git-repository.ts';
import { startGitServer, type GitServer } from '../support/git-server.ts';
import { gitWorld, noHurry } from '../support/git-world.ts';
import { opsWorld, unwatched, type OpsWorld } from '../support/ops-world.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('the op of a git source', () => {
  requires('root', 'overlay', 'tool:git');

  const { path: served } = tempFolder('served');
  let world: OpsWorld;
  let server: GitServer;
  let app: TestRepository;

  beforeAll(async () => {
    world = await opsWorld(makeContext({}));
    server = await startGitServer(served);
    app = await testRepository(served, 'app');
    await app.commit({ README: 'one\n', 'sub/file': 'sub\n' });
    await app.git('tag', 'v1');
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  const services = (): BuildServices => ({
    ...world.services,
    sources: { ...world.services.sources, git: gitWorld().fetcher },
  });

  function opOf(text: string, given = services()): GitOp {
    const source = parseGitSource(text);
    if (source === undefined) throw new Error('not a git source');
    return new GitOp(source, given);
  }

  const partsOf = async (rest: string, base = server.url): Promise<string> =>
    JSON.stringify((await opOf(`${base}/app.git${rest}`).cacheMap(noHurry.signal)).parts);

  it('L-177 gives a tree without layers, which has the files', async () => {
    const state = await opOf(`${server.url}/app.git#v1`).exec([], unwatched);
    const settled = await state.settled;
    expect(settled.layers).toEqual([]);
    if (state.snapshot === undefined) throw new Error('no snapshot');
    await using view = await world.snapshotter.view(state.snapshot);
    expect(view.root.list(fromText('.')).map(toText)).toEqual(['README', 'sub']);
    expect(view.root.lstat(fromText('README'))).toMatchObject({ mode: 0o644, uid: 0, gid: 0 });
    const [lower = ''] = world.snapshotter.lowers(state.snapshot);
    expect(readFileSync(join(lower, 'README'), 'utf8')).toBe('one\n');
  });

  it('L-177 one commit is one key, whatever names it', async () => {
    await using mirror = await startGitServer(served);
    const commit = await app.git('rev-parse', 'v1');
    const key = await partsOf('#v1');
    expect(await partsOf(`#${commit}`)).toBe(key);
    expect(await partsOf(`?checksum=${commit.slice(0, 9)}`)).toBe(key);
    expect(await partsOf('#v1', mirror.url)).toBe(key);
    expect(await partsOf('#v1', server.url.replace('://', '://user:secret@'))).toBe(key);
  });

  it('L-177 what changes the files changes the key', async () => {
    const texts = [
      '#v1',
      '#v1:sub',
      '?tag=v1&submodules=false',
      '?tag=v1&mtime=commit',
      '?tag=v1&keep-git-dir',
    ];
    const keys = await Promise.all(texts.map((text) => partsOf(text)));
    expect(new Set(keys).size).toBe(texts.length);
    const contents = await Promise.all(
      texts.map(
        async (text) =>
          (await (await opOf(server.url + '/app.git' + text).exec([], unwatched)).settled).contentDigest,
      ),
    );
    expect(new Set(contents).size).toBe(texts.length);
  });

  it('S-61 a key has no credentials, L-157 but the origin that .git shows', async () => {
    const parts = await partsOf('?keep-git-dir&tag=v1', server.url.replace('://', '://user:secret@'));
    expect(parts).not.toContain('secret');
    expect(parts).toContain(`http://xxxxx@${server.host}/app.git`);
  });

  it('another commit is another key', async () => {
    const before = await partsOf('#main');
    await app.commit({ README: 'two\n' });
    expect(await partsOf('#main')).not.toBe(before);
  });
});
