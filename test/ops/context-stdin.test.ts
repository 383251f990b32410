import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { built, entryOf, treeLines } from '../support/built-tree.ts';
import { makeContext } from '../support/context.ts';
import { makeTar, type TarSpec } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';

const dockerfile = 'FROM scratch\nCOPY . /\n';

function stdin(bytes: Uint8Array | string): Readable {
  return Readable.from([Buffer.from(bytes)]);
}

function tarContext(specs: readonly TarSpec[], text = dockerfile): Readable {
  return stdin(makeTar([{ path: 'Dockerfile', body: text }, ...specs]));
}

async function compressed(program: string, bytes: Uint8Array): Promise<Buffer> {
  const { status, stdoutBytes } = await runCommand([program, '-c'], { input: bytes });
  expect(status).toBe(0);
  return stdoutBytes;
}

describe('an archive on standard input', () => {
  requires('root', 'overlay', 'tool:xz', 'tool:bzip2', 'tool:zstd');

  it.each(['cat', 'gzip', 'bzip2', 'xz', 'zstd'])(
    'L-220 is the context, whatever packed it: %s',
    async (program) => {
      const tar = makeTar([
        { path: './Dockerfile', body: dockerfile },
        { path: './folder/', type: 'directory', mode: 0o750 },
        { path: './folder/file', body: 'hello', mode: 0o640, uid: 1000, gid: 1000 },
      ]);
      const bytes = program === 'cat' ? tar : await compressed(program, tar);
      const image = await built({ context: '-', stdin: stdin(bytes) });
      const lines = treeLines(await image.tree());
      // L-229: owners count for nothing.
      expect(lines).toContain('folder/file 640 0:0');
      expect(lines).toContain('folder 750 0:0 directory');
    },
  );

  it('L-221 has the Dockerfile that -f names, below its root', async () => {
    const files = [{ path: 'docker/own', body: 'FROM scratch\nCOPY Dockerfile /copied\n' }];
    for (const file of ['docker/own', './docker/../docker/own', '/docker/own']) {
      const image = await built({ context: '-', file, stdin: tarContext(files) });
      expect(treeLines(await image.tree())).toContain('copied 644 0:0');
    }
  });

  it('L-221 may have its Dockerfile in lower case', async () => {
    const tar = makeTar([{ path: 'dockerfile', body: dockerfile }]);
    const image = await built({ context: '-', stdin: stdin(tar) });
    expect(treeLines(await image.tree())).toContain('dockerfile 644 0:0');
  });

  it('L-228 is not seen through its own ignore file, but through one that was asked for', async () => {
    const files = [
      { path: '.dockerignore', body: '*' },
      { path: 'Dockerfile.dockerignore', body: '*' },
      { path: 'secret', body: '' },
    ];
    const all = await built({ context: '-', stdin: tarContext(files) });
    expect(treeLines(await all.tree())).toContain('secret 644 0:0');
    const ignoreFile = `${makeContext({ ignored: 'secret\n' })}/ignored`;
    const some = await built({ context: '-', ignoreFile, stdin: tarContext(files) });
    expect((await some.tree()).map(({ path }) => path)).toEqual([
      '.dockerignore',
      'Dockerfile',
      'Dockerfile.dockerignore',
    ]);
  });

  it('L-229 leaves device nodes out', async () => {
    const files = [
      { path: 'disk', type: 'block', device: [8, 0] as const },
      { path: 'kept', body: '' },
    ];
    const image = await built({ context: '-', stdin: tarContext(files) });
    expect((await image.tree()).map(({ path }) => path)).toEqual(['Dockerfile', 'kept']);
  });

  it('may link files with each other', async () => {
    const files = [
      { path: 'a', body: 'x' },
      { path: 'hard', type: 'hardlink', link: 'a' },
      { path: 'soft', type: 'symlink', link: 'a' },
    ];
    const image = await built({ context: '-', stdin: tarContext(files) });
    expect(entryOf(await image.tree(), 'soft')).toMatchObject({ type: 'symlink', content: 'a' });
  });

  it('is the same context when it is given again', async () => {
    const first = await built({ context: '-', stdin: tarContext([{ path: 'a', body: 'x' }]) });
    const again = await built({ context: '-', stdin: tarContext([{ path: 'a', body: 'x' }]) });
    expect(again.layers).toEqual(first.layers);
  });
});

describe('a wrong archive on standard input', () => {
  requires('root', 'overlay');

  const tar = makeTar([
    { path: 'Dockerfile', body: dockerfile },
    { path: 'a', body: 'x'.repeat(5000) },
  ]);

  it.each([
    ['that is empty', makeTar([]), 'DOCKERFILE_NOT_FOUND', 'Dockerfile in standard input'],
    ['without a Dockerfile', makeTar([{ path: 'a', body: '' }]), 'DOCKERFILE_NOT_FOUND', 'Dockerfile'],
    [
      'whose Dockerfile is a folder',
      makeTar([{ path: 'Dockerfile', type: 'directory' }]),
      'DOCKERFILE_NOT_FOUND',
      'it is a folder',
    ],
    [
      'whose Dockerfile is a pipe',
      makeTar([{ path: 'Dockerfile', type: 'fifo' }]),
      'DOCKERFILE_NOT_FOUND',
      'not a regular file',
    ],
    [
      'that was cut off',
      tar.subarray(0, 3000),
      'ARCHIVE_INVALID',
      'standard input: the archive ends in the middle',
    ],
    [
      'that is no tar inside',
      Buffer.from('H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==', 'base64'),
      'ARCHIVE_INVALID',
      'standard input',
    ],
    [
      'whose Dockerfile is too large',
      makeTar([{ path: 'Dockerfile', body: Buffer.alloc(2 ** 24 + 1, '#') }]),
      'DOCKERFILE_INVALID',
      'larger than 16 MiB',
    ],
  ])('L-220 %s', async (_name, bytes, code, message) => {
    const promise = built({ context: '-', stdin: stdin(bytes) });
    await expect(promise).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  it('L-220 is refused without -f that names something in it', async () => {
    const promise = built({ context: '-', file: 'Nope', stdin: tarContext([]) });
    await expect(promise).rejects.toMatchObject({
      code: 'DOCKERFILE_NOT_FOUND',
      hint: expect.stringContaining('relative to the root of the context') as string,
    });
  });
});

describe('a Dockerfile on standard input', () => {
  requires('root', 'overlay');

  it('L-179 L-220 builds without a context', async () => {
    const text =
      'FROM scratch AS a\nCOPY <<EOF /file\nhello\nEOF\nFROM scratch\nCOPY --from=a /file /copied\n';
    const image = await built({ context: '-', stdin: stdin(text) });
    expect(treeLines(await image.tree())).toEqual(['copied 644 0:0']);
  });

  it.each(['COPY file /', 'ADD file /', 'COPY ./folder/file /'])(
    'L-179 has nothing for %s, and says why',
    async (line) => {
      const promise = built({ context: '-', stdin: stdin(`FROM scratch\n${line}\n`) });
      await expect(promise).rejects.toMatchObject({
        code: 'COPY_SOURCE_NOT_FOUND',
        hint: expect.stringContaining('there is no build context') as string,
      });
    },
  );

  it('L-179 copies nothing with COPY . /', async () => {
    const image = await built({ context: '-', stdin: stdin(dockerfile) });
    expect(await image.tree()).toEqual([]);
  });

  it('L-221 goes with a folder as -f -', async () => {
    const context = makeContext({ Dockerfile: 'no', file: '', '.dockerignore': 'Dockerfile\n' });
    const image = await built({ context, file: '-', stdin: stdin(dockerfile) });
    expect((await image.tree()).map(({ path }) => path)).toEqual(['.dockerignore', 'file']);
  });

  it.each([
    ['nothing at all', { context: '-', stdin: stdin('') }, 'CONTEXT_NOT_FOUND', 'is empty'],
    [
      'both context and Dockerfile',
      { context: '-', file: '-', stdin: stdin('FROM scratch') },
      'USAGE',
      'both',
    ],
    [
      'a Dockerfile beside -f',
      { context: '-', file: 'x', stdin: stdin('FROM scratch') },
      'USAGE',
      'names another one',
    ],
    [
      'too large a Dockerfile',
      { context: '-', stdin: stdin(Buffer.alloc(2 ** 24 + 1, '#')) },
      'DOCKERFILE_INVALID',
      '16 MiB',
    ],
  ])('L-220 cannot be %s', async (_name, options, code, message) => {
    await expect(built(options)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  it.each([
    ['-', undefined],
    ['.', '-'],
  ])('L-220 is not waited for on a terminal (context %s)', async (context, file) => {
    const terminal = Object.assign(new Readable({ read: () => undefined }), { isTTY: true });
    await expect(built({ context, file, stdin: terminal })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('terminal') as string,
    });
  });

  it('is not waited for after an interrupt', async () => {
    const controller = new AbortController();
    const promise = built({
      context: '-',
      stdin: new Readable({ read: () => undefined }),
      signal: controller.signal,
    });
    setImmediate(() => controller.abort(new Error('stop')));
    await expect(promise).rejects.toThrow('stop');
  });
});
