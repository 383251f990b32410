import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { built } from '../support/built-tree.ts';
import { makeContext } from '../support/context.ts';
import { openInputs } from '../support/inputs.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** What the first LABEL of the Dockerfile says. */
async function labelOf(options: Parameters<typeof openInputs>[0]): Promise<string> {
  await using inputs = await openInputs(options);
  const [label] = inputs.dockerfile.stages[0]?.instructions ?? [];
  return label?.kind === 'label' ? JSON.stringify(label.pairs) : 'none';
}

function labelled(value: string): string {
  return `FROM scratch\nLABEL from=${value}\n`;
}

/** A number for every page that a process could have (proc_pid_pagemap(5)). */
const pagemap = '/proc/self/pagemap';

describe('the Dockerfile of a folder', () => {
  it('C-01 C-02 L-221 is Dockerfile, else dockerfile; -f of the same name is read likewise', async () => {
    const context = makeContext({ dockerfile: labelled('lower'), 'sub/dockerfile': labelled('sub') });
    expect(await labelOf({ context })).toContain('lower');
    expect(await labelOf({ context, file: join(context, 'sub/Dockerfile') })).toContain('sub');
    renameSync(join(context, 'sub/dockerfile'), join(context, 'Dockerfile'));
    expect(await labelOf({ context })).toContain('sub');
  });

  it('L-221 may lie outside, and be a link to outside', async () => {
    const outside = makeContext({ own: labelled('outside') });
    const context = makeContext({ file: '' });
    expect(await labelOf({ context, file: join(outside, 'own') })).toContain('outside');
    symlinkSync(join(outside, 'own'), join(context, 'Dockerfile'));
    expect(await labelOf({ context })).toContain('outside');
  });

  it('C-02 may be a pipe', async () => {
    const context = makeContext({ text: labelled('piped') });
    const pipe = join(context, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const [label] = await Promise.all([
      labelOf({ context, file: pipe }),
      new Promise((resolve) => setImmediate(resolve)).then(() =>
        execFileSync('sh', ['-c', 'cat text > pipe &'], { cwd: context, stdio: 'ignore' }),
      ),
    ]);
    expect(label).toContain('piped');
  });

  it.each([
    ['is not there', 'Nope', 'DOCKERFILE_NOT_FOUND', 'there is no Dockerfile at'],
    ['is a folder', 'sub', 'DOCKERFILE_NOT_FOUND', 'it is a folder'],
    ['lies below a file', 'Dockerfile/x', 'DOCKERFILE_NOT_FOUND', 'there is no Dockerfile at'],
    ['is a circle of links', 'circle', 'DOCKERFILE_NOT_FOUND', 'cannot be read'],
    ['never ends', '/dev/zero', 'DOCKERFILE_INVALID', '/dev/zero is larger than 16 MiB'],
    [
      'says that it is empty and never ends',
      pagemap,
      'DOCKERFILE_INVALID',
      `${pagemap} is larger than 16 MiB`,
    ],
    ['is empty', '/dev/null', 'DOCKERFILE_SYNTAX', 'no instructions'],
  ])('L-221 that %s is told', async (_name, file, code, message) => {
    const context = makeContext({ Dockerfile: labelled('x'), 'sub/x': '' });
    symlinkSync('circle', join(context, 'circle'));
    await expect(
      openInputs({ context, file: join(file.startsWith('/') ? '/' : context, file) }),
    ).rejects.toMatchObject({ code, message: expect.stringContaining(message) as string });
  });

  it('L-221 that -f names from within the context is found by the hint', async () => {
    const context = makeContext({ 'docker/own': labelled('x') });
    await expect(openInputs({ context, file: 'docker/own' })).rejects.toMatchObject({
      code: 'DOCKERFILE_NOT_FOUND',
      hint: expect.stringContaining(`did you mean -f ${join(context, 'docker/own')}?`) as string,
    });
  });

  it('L-220 that is missing makes no store', async () => {
    const root = join(tempFolder('root').path, 'store');
    await expect(built({ root, context: makeContext({}) })).rejects.toMatchObject({
      code: 'DOCKERFILE_NOT_FOUND',
    });
    expect(existsSync(root)).toBe(false);
  });
});

describe('a folder as context', () => {
  it.each([
    ['', 'USAGE'],
    ['/no/such/folder', 'CONTEXT_NOT_FOUND'],
    ['/dev/null', 'CONTEXT_NOT_FOUND'],
    ['/dev/null/x', 'CONTEXT_NOT_FOUND'],
    ['ftp://user:hunter2@host/x', 'CONTEXT_NOT_FOUND'],
    [`/${'x'.repeat(300)}`, 'CONTEXT_NOT_FOUND'],
  ])('L-220 cannot be %j', async (context, code) => {
    const promise = openInputs({ context });
    await expect(promise).rejects.toMatchObject({
      code,
      message: expect.not.stringContaining('hunter2') as string,
    });
  });

  it('goes before a repository of the same name', async () => {
    const parent = makeContext({ 'github.com/user/repo/Dockerfile': labelled('folder') });
    const before = process.cwd();
    // parseGitContext takes the same text for a repository.
    process.chdir(parent);
    try {
      expect(await labelOf({ context: 'github.com/user/repo' })).toContain('folder');
    } finally {
      process.chdir(before);
    }
  });
});

describe('the ignore file', () => {
  async function ignored(options: Parameters<typeof openInputs>[0]): Promise<readonly string[]> {
    await using inputs = await openInputs(options);
    const { ignore } = inputs.context;
    return ['own', 'beside', 'given'].filter((path) => ignore.matches(path));
  }
  const files = { Dockerfile: labelled('x'), '.dockerignore': 'own\n' };

  it('L-223 is the one beside the Dockerfile, else that of the context', async () => {
    const context = makeContext(files);
    expect(await ignored({ context })).toEqual(['own']);
    const other = makeContext({
      own: labelled('x'),
      'own.dockerignore': 'beside\n',
      '.dockerignore': 'given',
    });
    expect(await ignored({ context, file: join(other, 'own') })).toEqual(['beside']);
    expect(await ignored({ context: makeContext({ ...files, 'Dockerfile.dockerignore': '' }) })).toEqual([]);
  });

  it('C-42 is the one of --ignorefile before all others', async () => {
    const context = makeContext({ ...files, 'Dockerfile.dockerignore': 'beside\n', other: 'given\n' });
    expect(await ignored({ context, ignoreFile: join(context, 'other') })).toEqual(['given']);
  });

  it('C-42 of --ignorefile must be there', async () => {
    const promise = openInputs({ context: makeContext(files), ignoreFile: '/no/such' });
    await expect(promise).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('C-42 of --ignorefile must end', async () => {
    const promise = openInputs({ context: makeContext(files), ignoreFile: '/dev/zero' });
    await expect(promise).rejects.toMatchObject({ code: 'IGNORE_PATTERN_INVALID' });
  });

  it('is not passed over when it cannot be read', async () => {
    const context = makeContext({ Dockerfile: labelled('x') });
    mkdirSync(join(context, '.dockerignore'));
    await expect(openInputs({ context })).rejects.toMatchObject({ code: 'IO_ERROR' });
  });

  it('L-228 may hide the Dockerfile and itself from COPY', async () => {
    requires('root', 'overlay');
    const context = makeContext({
      Dockerfile: 'FROM scratch\nCOPY . /\n',
      file: '',
      '.dockerignore': 'Dockerfile\n.dockerignore\n',
    });
    chmodSync(join(context, 'file'), 0o644);
    const image = await built({ context });
    expect((await image.tree()).map(({ path }) => path)).toEqual(['file']);
  });
});
