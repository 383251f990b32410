import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openStore } from '../../src/store/index.ts';
import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('pull', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:docker-registry', 'tool:skopeo');
  let registry: TestRegistry;
  let source: Tsbuild;
  let id = '';
  beforeAll(async () => {
    registry = await startRegistry(tempFolder('registry').path);
    source = await tsbuildWithBusybox();
    const context = makeContext({
      Dockerfile: 'FROM busybox:1\nRUN echo pulled > /file\nCMD ["cat", "/file"]\n',
    });
    id = await source.ok(['build', '-q', '-t', 'app:1', context]);
    await using store = await openStore(source.root);
    await registry.push(store, 'app:1', 'team/app:1');
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it('C-73 pulls by tag from a loopback registry, tells each layer, and names the image', async () => {
    const cli = tsbuild();
    const name = `${registry.host}/team/app:1`;
    const { status, stdout, stderr } = await cli.run(['pull', name]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${name}\n` });
    expect(stderr).toMatch(/^[0-9a-f]{12}: pulling \(\d.*B\)$/m);
    expect(stderr.match(/^[0-9a-f]{12}: pulled \(\d.*B\)$/gm)).toHaveLength(2);
    expect(stderr).toMatch(/^digest: sha256:[0-9a-f]{64}$/m);
    expect(await cli.ok(['run', '--rm', name])).toBe('pulled');
    const [found] = JSON.parse(await cli.ok(['inspect', name])) as [{ Id: string; RepoDigests: string[] }];
    expect(found.Id).toBe(id);
    const digest = /^digest: (.*)$/m.exec(stderr)?.[1] ?? '';
    expect(found.RepoDigests).toEqual([`${registry.host}/team/app@${digest}`]);
    expect((await cli.run(['pull', name])).stderr).toMatch(/^[0-9a-f]{12}: already there/m);
    expect(await cli.run(['pull', '-q', name])).toMatchObject({ stdout: `${name}\n`, stderr: '' });
    expect(await cli.ok(['pull', '-q', `${registry.host}/team/app@${digest}`])).toContain(digest);
  });

  it('C-73 run and FROM pull what the store does not have', async () => {
    const cli = tsbuild();
    const name = `${registry.host}/team/app:1`;
    const { stdout, stderr } = await cli.run(['run', '--rm', name]);
    expect(stdout).toBe('pulled\n');
    expect(stderr).toContain(`${name} is not in the store: pulling it\n`);
    const context = makeContext({ Dockerfile: `FROM ${name}\nRUN cat /file\n` });
    expect((await tsbuild().run(['build', context])).stderr).toMatch(/^#\d \d\.\d+ pulled$/m);
  });

  it.each([
    ['an unknown tag', '/team/app:2', 1, 'IMAGE_NOT_FOUND'],
    ['an unknown repository', '/team/nope', 1, 'IMAGE_NOT_FOUND'],
  ])('C-73 %s is told with its name', async (_, path, status, code) => {
    const result = await tsbuild().run(['pull', `${registry.host}${path}`]);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toContain(`[${code}]`);
    expect(result.stderr).toContain(path.slice(1));
  });

  it('C-73 a registry that does not answer, a wrong name and another platform are told', async () => {
    const cli = tsbuild();
    const unreachable = await cli.run(['pull', '127.0.0.1:1/x']);
    expect(unreachable).toMatchObject({ status: 6, stdout: '' });
    expect(unreachable.stderr).toContain('[REGISTRY_UNREACHABLE]');
    expect(await cli.run(['pull', 'Upper/Case'])).toMatchObject({ status: 2, stdout: '' });
    expect(await cli.ok(['images', '-q'])).toBe('');
    const other = await cli.run(['pull', '-q', '--platform', 'linux/s390x', `${registry.host}/team/app:1`]);
    expect(other.status).toBe(0);
    expect(other.stderr).toMatch(/^warning: .*\/team\/app:1 is for linux\/\w+, not for linux\/s390x\n$/);
  });

  it('C-08 build --pull takes the newer image of a tag, and build the known one', async () => {
    const cli = tsbuild();
    const name = `${registry.host}/team/moves:1`;
    const publish = async (text: string): Promise<void> => {
      await source.ok([
        'build',
        '-t',
        'moves',
        makeContext({ Dockerfile: `FROM busybox:1\nRUN echo ${text} > /file\n` }),
      ]);
      await using store = await openStore(source.root);
      await registry.push(store, 'moves:latest', 'team/moves:1');
    };
    const context = makeContext({ Dockerfile: `FROM ${name}\nRUN cat /file\n` });
    const said = async (...flags: readonly string[]): Promise<string | undefined> =>
      /^#\d \d\.\d+ (.*)$/m.exec((await cli.run(['build', '--no-cache', ...flags, context])).stderr)?.[1];
    await publish('older');
    expect(await said()).toBe('older');
    await publish('newer');
    expect(await said()).toBe('older');
    expect(await said('--pull')).toBe('newer');
  });
});
