import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openStore } from '../../src/store/index.ts';
import { parsePlatform } from '../../src/oci/index.ts';
import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage } from '../support/tiny-image.ts';

interface Entry {
  readonly digest: string;
  readonly platform: object;
  readonly annotations?: object;
}

describe('manifest', () => {
  requires('tool:docker-registry');
  const cli: Tsbuild = tsbuild();
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await startRegistry(join(tempFolder('registry').path, 'r'));
    await using store = await openStore(cli.root);
    for (const arch of ['amd64', 'arm64', 'arm/v7']) {
      const name = `docker.io/library/one:${arch.replace('/', '')}`;
      const layers = [{ arch }];
      await makeTinyImage(store, { name, platform: parsePlatform(`linux/${arch}`), layers });
    }
  });
  afterAll(async () => registry[Symbol.asyncDispose]());

  const inspect = async (name: string): Promise<{ manifests: readonly Entry[]; annotations?: object }> =>
    JSON.parse(await cli.ok(['manifest', 'inspect', name])) as { manifests: readonly Entry[] };
  const platforms = async (name: string) => (await inspect(name)).manifests.map(({ platform }) => platform);
  const [amd64, arm64] = ['amd64', 'arm64'].map((architecture) => ({ architecture, os: 'linux' }));
  const armv7 = { architecture: 'arm', os: 'linux', variant: 'v7' };

  it('C-74 create makes an index of images, in their order; --amend adds to it', async () => {
    const digest = await cli.ok([
      'manifest',
      'create',
      '--annotation',
      'a=b',
      'all:1',
      'one:arm64',
      'one:amd64',
    ]);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await platforms('all:1')).toEqual([arm64, amd64]);
    expect((await inspect(digest)).annotations).toEqual({ a: 'b' });
    const taken = await cli.run(['manifest', 'create', 'all:1', 'one:armv7']);
    expect(taken).toMatchObject({ status: 2 });
    expect(taken.stderr).toContain('the name all:1 is taken');
    await cli.ok(['manifest', 'create', '--amend', 'all:1', 'one:armv7', 'one:amd64']);
    expect(await platforms('all:1')).toEqual([arm64, amd64, armv7]);
    await cli.ok(['manifest', 'create', 'copy', 'all:1']);
    expect(await platforms('copy')).toEqual([arm64, amd64, armv7]);
  });

  it('C-74 add, annotate and remove change what is in it', async () => {
    await cli.ok(['manifest', 'create', 'changed']);
    await cli.ok(['manifest', 'add', '--annotation', 'x=y', 'changed', 'one:amd64']);
    await cli.ok(['manifest', 'add', '--variant', 'v8', '--os-version', '7', 'changed', 'one:arm64']);
    const second = { ...arm64, 'os.version': '7' };
    expect(await platforms('changed')).toEqual([amd64, second]);
    const [first] = (await inspect('changed')).manifests;
    expect(first?.annotations).toEqual({ x: 'y' });
    await cli.ok(['manifest', 'annotate', '--variant', 'v3', 'changed', first?.digest ?? '']);
    expect(await platforms('changed')).toEqual([{ ...amd64, variant: 'v3' }, second]);
    await cli.ok(['manifest', 'remove', 'changed', 'one:amd64']);
    expect(await platforms('changed')).toEqual([second]);
    const { status, stderr } = await cli.run(['manifest', 'remove', 'changed', 'one:armv7']);
    expect([status, stderr]).toEqual([1, expect.stringContaining('one:armv7 is not in changed')]);
  });

  it('C-74 push sends images and index, and inspect finds it at the registry', async () => {
    await cli.ok(['manifest', 'create', 'mine', 'one:arm64', 'one:amd64']);
    const to = `${registry.host}/team/mine:2`;
    const digest = await cli.ok(['manifest', 'push', '-q', '--all', 'mine', `docker://${to}`]);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await platforms(to)).toEqual([arm64, amd64]);
    const other = tsbuild();
    await other.ok(['pull', '-q', '--all-platforms', to]);
    expect(await other.ok(['manifest', 'inspect', to])).toBe(await cli.ok(['manifest', 'inspect', to]));
    const [image] = JSON.parse(await other.ok(['inspect', to])) as { RepoDigests: string[] }[];
    expect(image?.RepoDigests).toEqual([`${registry.host}/team/mine@${digest}`]);
  });

  it('C-74 two that add to one index at once both do', async () => {
    await cli.ok(['manifest', 'create', 'busy']);
    await Promise.all(['amd64', 'arm64'].map((arch) => cli.ok(['manifest', 'add', 'busy', `one:${arch}`])));
    expect(await platforms('busy')).toHaveLength(2);
  });

  it('C-74 push --rm takes the name alone', async () => {
    await cli.ok(['manifest', 'create', 'once', 'one:amd64']);
    const before = await cli.ok(['images', '-q']);
    await cli.ok(['manifest', 'push', '-q', '--rm', 'once', `${registry.host}/team/once`]);
    expect((await cli.run(['manifest', 'rm', 'once'])).stderr).toContain('no such image');
    expect(await cli.ok(['images', '-q'])).toBe(before);
  });

  it('C-74 rm takes the name and leaves the images', async () => {
    await cli.ok(['manifest', 'create', 'gone', 'one:arm64', 'one:amd64']);
    expect(await cli.ok(['manifest', 'rm', 'gone'])).toMatch(/^sha256:/);
    expect(await cli.ok(['images', '--format', 'json'])).not.toContain('"gone"');
    expect(await cli.ok(['images', '--format', 'json'])).toContain('"one"');
    const again = await cli.run(['manifest', 'rm', 'one:amd64']);
    expect(again.stderr).toContain('one:amd64 is one image, not an index');
  });

  it.each([
    [['create', 'new', 'missing'], 'no such image: missing'],
    [['add', 'missing', 'one:amd64'], 'no such index: missing'],
    [['add', 'one:amd64', 'one:arm64'], 'one:amd64 is not an index'],
    [['push', 'one:amd64'], 'one:amd64 is one image, not an index'],
    [['annotate', 'one:amd64', 'one:amd64'], 'one:amd64 is not an index'],
  ])('C-74 %j is told', async (argv, message) => {
    const { status, stderr } = await cli.run(['manifest', ...argv]);
    expect(status).not.toBe(0);
    expect(stderr).toContain(message);
  });
});
