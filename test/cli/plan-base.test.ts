import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openStore } from '../../src/store/index.ts';
import { tsbuild, tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { listStore } from '../support/list-store.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('plan with a base that is in a registry', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:docker-registry', 'tool:skopeo');
  let registry: TestRegistry;
  let base = '';
  beforeAll(async () => {
    registry = await startRegistry(tempFolder('registry').path);
    base = `${registry.host}/base:1`;
    await push('FROM busybox:1\nENV FROM_BASE=yes\n');
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  async function push(dockerfile: string): Promise<void> {
    const cli = await tsbuildWithBusybox();
    await cli.ok(['build', '-q', '-t', 'base:1', makeContext({ Dockerfile: dockerfile })]);
    await using store = await openStore(cli.root);
    await registry.push(store, 'base:1', 'base:1');
  }

  it('asks for its config and fetches nothing; --pull tells of a base that has changed there', async () => {
    const cli = tsbuild();
    await cli.ok(['images']);
    const context = makeContext({ Dockerfile: `FROM ${base}\nRUN echo $FROM_BASE > /file\n` });
    const before = listStore(cli.root);
    expect(await cli.ok(['plan', context])).toContain('└─ new  [2/2] RUN echo yes > /file');
    expect(listStore(cli.root)).toEqual(before);

    await cli.ok(['build', '-q', context]);
    expect(await cli.ok(['plan', context])).toContain('1 cached, 1 not needed');
    await push('FROM busybox:1\nENV FROM_BASE=yes\nRUN echo > /new\n');
    const built = listStore(cli.root);
    expect(await cli.ok(['plan', context])).toContain('1 cached, 1 not needed');
    const pulled = await cli.ok(['plan', '--pull', context]);
    expect(pulled.replaceAll(/\s+/g, ' ')).toMatch(
      new RegExp(`the base image changed: ${base} (sha256:[0-9a-f]{12}) → (?!\\1)sha256:[0-9a-f]{12}`),
    );
    expect(pulled).toContain('maybe  [2/2]');
    expect(listStore(cli.root)).toEqual(built);
  });

  it('fails for one that is nowhere as build does', async () => {
    const context = makeContext({ Dockerfile: `FROM ${registry.host}/none:1\n` });
    const [plan, build] = [await tsbuild().run(['plan', context]), await tsbuild().run(['build', context])];
    expect(plan).toEqual(build);
    expect(plan.stderr).toContain('[IMAGE_NOT_FOUND]');
  });
});
