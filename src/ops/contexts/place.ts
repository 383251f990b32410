import { createReadStream, existsSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { isErrno, redactUrl, TsbuildError } from '../../core/index.ts';
import { parseGitContext } from '../../dockerfile/index.ts';
import type { GitSource } from '../../dockerfile/types.ts';
import { peek } from '../../tar/index.ts';
import { isArchive, unpackContext } from './archive.ts';
import { readHostText, readText } from './read.ts';
import { shown } from './shown.ts';
import { standardInput } from './stdin.ts';
import type { InputOptions, Place } from './types.ts';

/**
 * Opens whatever the context is (L-220). A folder of that name goes before a repository, as in `github.com/user/repo`.
 * Throws CONTEXT_NOT_FOUND, USAGE, and what fetching and unpacking throw.
 */
export async function openPlace(options: InputOptions, held: AsyncDisposableStack): Promise<Place> {
  const { context, keepGitDir } = options;
  if (context === '')
    throw new TsbuildError('USAGE', 'the build context is empty', { hint: 'give a folder' });
  if (context === '-') return fromStdin(options, held);
  if (isFolder(context)) return { kind: 'folder', path: context };
  const git = parseGitContext(context, { keepGitDir });
  if (git !== undefined) return fromGit(git, options, held);
  if (isHttpUrl(context)) return fromUrl(options, held);
  throw notAFolder(context);
}

export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP')) return false;
    throw new TsbuildError(
      'CONTEXT_NOT_FOUND',
      `the build context ${path} cannot be read: ${String(error)}`,
      {
        cause: error,
      },
    );
  }
}

function notAFolder(context: string): TsbuildError {
  return new TsbuildError('CONTEXT_NOT_FOUND', `the build context ${redactUrl(context)} is not a folder`, {
    hint: !existsSync(context)
      ? 'no such folder'
      : 'name a Dockerfile with -f/--file, and its folder as context; an archive is read from standard input: tsbuild build - < archive.tar',
  });
}

async function fromStdin(options: InputOptions, held: AsyncDisposableStack): Promise<Place> {
  if (options.file === '-') {
    throw new TsbuildError('USAGE', 'standard input cannot be both the context and the Dockerfile');
  }
  const input = standardInput(options, {
    wanted: 'the build context',
    example: 'tar -c . | tsbuild build -, or tsbuild build - < Dockerfile',
  });
  const { head, bytes } = await peek(input);
  if (head.length === 0) {
    throw new TsbuildError(
      'CONTEXT_NOT_FOUND',
      'the build context is to come from standard input, which is empty',
      {
        hint: 'give a tar archive or a Dockerfile',
      },
    );
  }
  const name = 'standard input';
  if (!isArchive(head)) return textPlace(options, { name: 'stdin', bytes: await readText(bytes, name) });
  const path = await emptyFolder(options, held);
  await shown(options, `load ${name}`, () => unpackContext(bytes, path, { name, signal: options.signal }));
  return { kind: 'fetched', path, name, from: 'stdin' };
}

async function fromGit(source: GitSource, options: InputOptions, held: AsyncDisposableStack): Promise<Place> {
  const { sources } = await options.remote();
  const { signal, context } = options;
  const name = redactUrl(context);
  const folder = await emptyFolder(options, held);
  const time = await shown(options, `load ${name}`, async (onProgress) => {
    const commit = await sources.git.resolve(source, { signal });
    return sources.git.checkout(source, { commit, folder }, { signal, onProgress });
  });
  return { kind: 'fetched', path: folder, name, from: 'remote', time };
}

async function fromUrl(options: InputOptions, held: AsyncDisposableStack): Promise<Place> {
  const { context: url, signal } = options;
  const { sources } = await options.remote();
  const name = redactUrl(url);
  const file = await shown(options, `load ${name}`, (onProgress) =>
    sources.http.fetch({ url }, { signal, onProgress }),
  );
  const { head, bytes } = await peek(createReadStream(file.path) as AsyncIterable<Uint8Array>);
  if (!isArchive(head)) {
    await bytes[Symbol.asyncIterator]().return?.();
    return textPlace(options, { name, bytes: await readHostText(file.path, name) });
  }
  const path = await emptyFolder(options, held);
  await unpackContext(bytes, path, { name, signal });
  return { kind: 'fetched', path, name, from: 'remote', time: file.modified };
}

function textPlace({ file }: InputOptions, dockerfile: (Place & { kind: 'none' })['dockerfile']): Place {
  if (file === undefined) return { kind: 'none', dockerfile };
  throw new TsbuildError('USAGE', `${dockerfile.name} is a Dockerfile, and -f/--file names another one`, {
    hint: 'for a build without a context, leave -f out',
  });
}

/** Its own folder inside: the outer one is ours, and archives may set modes of their root. */
async function emptyFolder(options: InputOptions, held: AsyncDisposableStack): Promise<string> {
  const temp = held.use(await (await options.remote()).tempDir());
  const path = join(temp.path, 'context');
  await mkdir(path, 0o755);
  return path;
}
