import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('images of a registry on this machine', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:docker-registry', 'tool:skopeo');
  let maker: Tsbuild;
  let registry: TestRegistry;
  beforeAll(async () => {
    maker = await tsbuildWithBusybox();
    registry = await startRegistry(join(tempFolder('registry').path, 'files'));
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  /** Puts an image that says `text` into the registry, by skopeo. */
  async function publish(name: string, text: string, ...flags: string[]): Promise<string> {
    const context = makeContext({
      Dockerfile: `FROM busybox:1\nRUN echo ${text} > /says\nCMD ["cat", "/says"]\n`,
    });
    await maker.ok(['build', '-t', 'published', context]);
    const archive = join(tempFolder('published').path, 'image.tar');
    await maker.ok(['save', '--format', 'oci', '-o', archive, 'published']);
    const target = `${registry.host}/${name}`;
    const copy = ['skopeo', '--insecure-policy', 'copy', '--dest-tls-verify=false', ...flags];
    await runOk([...copy, `oci-archive:${archive}`, `docker://${target}`]);
    return target;
  }

  it.each([
    { what: 'as gzip', flags: ['--dest-compress-format', 'gzip'] },
    { what: 'as zstd', flags: ['--dest-compress-format', 'zstd'] },
    { what: 'with Docker’s media types', flags: ['--format', 'v2s2'] },
  ])('end-2 end-3 G-37 G-41 C-73 are pulled and run, their layers $what', async ({ what, flags }) => {
    const cli = tsbuild();
    const name = await publish('kinds/image:1', what.replace(/\W/g, '-'), ...flags);
    await cli.ok(['pull', name]);
    expect(await cli.ok(['run', '--rm', name])).toBe(what.replace(/\W/g, '-'));
  });

  it('L-104 G-45 C-08 are bases; a newer one is taken with --pull only', async () => {
    const cli = tsbuild();
    const name = await publish('base', 'first');
    const context = makeContext({ Dockerfile: `FROM ${name}\nRUN cat /says > /copied\n` });
    const built = async (...flags: string[]): Promise<string> => {
      await cli.ok(['build', '-t', 'derived', ...flags, context]);
      return cli.ok(['run', '--rm', 'derived', 'cat', '/copied']);
    };
    expect(await built()).toBe('first');
    await publish('base', 'second');
    expect(await built()).toBe('first');
    expect(await built('--pull')).toBe('second');
  });

  it('are pulled by run when the store does not have them', async () => {
    const cli = tsbuild();
    const name = await publish('direct', 'pulled');
    const { status, stdout } = await cli.run(['run', '--rm', name]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'pulled\n' });
  });
});
