import { chmodSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import type { BuildOptions } from '../../src/build.ts';
import { built, type Built } from '../support/built-tree.ts';
import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { testRepository } from '../support/git-repository.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const dockerfile = `FROM busybox:1
COPY . /all/
COPY src/main.c named/tool /files/
COPY sr*/ /pattern/
RUN --mount=type=bind,source=src,target=/m stat -c "%a %n" /m /m/main.c /m/run > /seen
`;

describe('B-03 checkouts of one commit with different umasks', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:git');
  let checkouts: readonly string[];
  let root: string;

  beforeAll(async () => {
    const folder = tempFolder('git').path;
    const repository = await testRepository(folder, 'project');
    await repository.commit({
      Dockerfile: dockerfile,
      '.dockerignore': '.git\n',
      'src/main.c': 'int main;',
      'src/run': { program: '#!/bin/sh\n' },
      'src/link': { link: 'main.c' },
      'named/tool': { program: 'tool' },
    });
    const clone = async (umask: string): Promise<string> => {
      const path = join(folder, umask);
      await runOk(['sh', '-c', 'umask $0; exec git clone -q "$1" "$2"', umask, repository.folder, path]);
      return path;
    };
    checkouts = [await clone('022'), await clone('002'), await clone('077')];
    ({ root } = await tsbuildWithBusybox());
  });

  function build(context: string | undefined, options: Partial<BuildOptions> = {}): Promise<Built> {
    const buildArgs = new Map([['SOURCE_DATE_EPOCH', '0']]);
    return built({ context: context ?? '', root, buildArgs, contextModes: 'git', ...options });
  }

  it('differ on the disk', () => {
    const modes = checkouts.map((path) => (statSync(join(path, 'src/run')).mode & 0o777).toString(8));
    expect(modes).toEqual(['755', '775', '700']);
  });

  it('--context-modes=git: the second is answered by what the first has made', async () => {
    const [first, ...others] = checkouts;
    const one = await build(first);
    for (const other of others) {
      const again = await build(other);
      expect([again.ran, again.id]).toEqual([[], one.id]);
    }
    const modes = Object.fromEntries((await one.tree()).map(({ path, mode }) => [path, mode]));
    expect(modes).toMatchObject({
      ...{ all: '755', 'all/src': '755', 'all/src/main.c': '644', 'all/src/run': '755' },
      ...{ 'all/src/link': '777', 'files/main.c': '644', 'files/tool': '755', 'pattern/run': '755' },
    });
  });

  it('--context-modes=git: the same image in stores that know nothing of each other', async () => {
    const images = [];
    for (const context of checkouts) {
      const { root: own } = await tsbuildWithBusybox();
      await runOk(['cp', '-a', join(root, 'oci'), join(root, 'refs'), join(root, 'images'), own]);
      images.push(await build(context, { root: own, shape: { rewrite: 'clamp' } }));
    }
    expect(new Set(images.map(({ layers }) => layers.join())).size).toBe(1);
    expect(new Set(images.map(({ id }) => id)).size).toBe(1);
    expect(images.map(({ ran }) => ran.length > 0)).toEqual([true, true, true]);
  });

  it('--context-modes=git: an executable bit that changes counts, others do not', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nCOPY a b /\n', a: 'a', b: 'b' });
    await build(context);
    chmodSync(join(context, 'a'), 0o4666);
    expect((await build(context)).ran).toEqual([]);
    chmodSync(join(context, 'a'), 0o744);
    expect((await build(context)).ran).toEqual(['[2/2] COPY a b /']);
  });

  it('without it modes count as they are', async () => {
    const [first, second] = checkouts;
    await build(first, { contextModes: 'exact' });
    expect((await build(second, { contextModes: 'exact' })).ran.length).toBeGreaterThan(1);
  });

  it.each([
    ['--chmod=640', true],
    ['--chmod=u=rwX,go=rX', true],
    ['--chmod=u+x', false],
  ])('COPY %s: modes count as the copy has them', async (flag, isSame) => {
    const [first, second] = checkouts.map((path) => join(path, 'src'));
    const text = `FROM busybox:1\nCOPY ${flag} . /chmod/\n`;
    const file = join(makeContext({ Dockerfile: text }), 'Dockerfile');
    const options = { file, contextModes: 'exact' } as const;
    const one = await build(first, options);
    const other = await build(second, options);
    expect(one.ran).toHaveLength(1);
    expect(other.ran).toHaveLength(isSame ? 0 : 1);
    if (isSame) expect(other.id).toBe(one.id);
  });
});
