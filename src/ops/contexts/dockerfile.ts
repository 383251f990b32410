import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';

import { fromErrno, fromText, isErrno, redactUrl, TsbuildError } from '../../core/index.ts';
import { openRootDir } from '../../sys/index.ts';
import { isHttpUrl } from './place.ts';
import { maxTextBytes, readHostText, readText, tooLarge } from './read.ts';
import { shown } from './shown.ts';
import { standardInput } from './stdin.ts';
import type { InputOptions, NamedText, Place } from './types.ts';

const defaultName = 'Dockerfile';

/** A Dockerfile's text; `path` where it is a file of the host, beside which its own ignore file may lie. */
export interface FoundDockerfile extends NamedText {
  readonly path?: string | undefined;
}

/**
 * Finds and reads the Dockerfile (L-221). Inside of what was fetched no symlink leads out; an absolute path beside a
 * repository or URL is one of the host, as with buildx. Throws DOCKERFILE_NOT_FOUND and its kind.
 */
export async function readDockerfile(options: InputOptions, place: Place): Promise<FoundDockerfile> {
  const { file } = options;
  if (place.kind === 'none') return place.dockerfile;
  if (file === '-') return fromStdin(options);
  if (file !== undefined && isHttpUrl(file)) return fromUrl(file, options);
  if (place.kind === 'folder') return fromHost(file ?? join(place.path, defaultName), file, place.path);
  if (place.from === 'remote' && file !== undefined && isAbsolute(file)) return fromHost(file, file);
  return fromTree(place.path, file ?? defaultName, place.name);
}

async function fromStdin(options: InputOptions): Promise<FoundDockerfile> {
  const input = standardInput(options, {
    wanted: 'the Dockerfile',
    example: 'tsbuild build -f - . < Dockerfile',
  });
  return { name: 'stdin', bytes: await readText(input, 'standard input') };
}

async function fromUrl(url: string, options: InputOptions): Promise<FoundDockerfile> {
  const { sources } = await options.remote();
  const { signal } = options;
  const name = redactUrl(url);
  const file = await shown(options, `load ${name}`, (onProgress) =>
    sources.http.fetch({ url }, { signal, limit: maxTextBytes, onProgress }),
  );
  return { name, bytes: await readHostText(file.path, name) };
}

async function fromHost(
  wanted: string,
  given: string | undefined,
  context?: string,
): Promise<FoundDockerfile> {
  const [first = wanted, second] = spellings(wanted);
  const path = second !== undefined && !existsSync(first) && existsSync(second) ? second : first;
  try {
    return { name: path, path, bytes: await readHostText(path, path) };
  } catch (error) {
    throw notReadable(error, path, hintFor(given, context));
  }
}

/** Paths of -f are those of the shell, which surprises whoever thinks of the context. */
function hintFor(given: string | undefined, context: string | undefined): string {
  if (given !== undefined && context !== undefined && !isAbsolute(given)) {
    const inside = join(context, given);
    if (existsSync(inside)) return `-f/--file is relative to the current folder: did you mean -f ${inside}?`;
  }
  return 'name another one with -f/--file';
}

function fromTree(folder: string, wanted: string, tree: string): FoundDockerfile {
  using root = openRootDir(folder);
  let failure: unknown;
  for (const name of spellings(wanted)) {
    try {
      return { name, bytes: root.read(fromText(name), maxTextBytes) };
    } catch (error) {
      if (isErrno(error, 'EFBIG')) throw tooLarge(name, 'DOCKERFILE_INVALID');
      failure ??= error;
      if (!isErrno(error, 'ENOENT')) break;
    }
  }
  throw notReadable(
    failure,
    `${wanted} in ${tree}`,
    'paths of -f/--file are relative to the root of the context',
  );
}

/** `dockerfile` is read where there is no `Dockerfile`, for the sake of file systems without case. */
function spellings(path: string): readonly string[] {
  if (basename(path) !== defaultName) return [path];
  return [path, join(dirname(path), defaultName.toLowerCase())];
}

function notReadable(error: unknown, what: string, hint: string): unknown {
  if (isErrno(error, 'ENOENT', 'ENOTDIR')) {
    return new TsbuildError('DOCKERFILE_NOT_FOUND', `there is no Dockerfile at ${what}`, {
      hint,
      cause: error,
    });
  }
  if (isErrno(error, 'EACCES', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ENXIO', 'EXDEV', 'EINVAL')) {
    return new TsbuildError('DOCKERFILE_NOT_FOUND', `${what} cannot be read: ${why(error)}`, {
      cause: error,
    });
  }
  return fromErrno(error, `reading ${what}`);
}

function why(error: NodeJS.ErrnoException): string {
  if (error.code === 'EISDIR') return 'it is a folder';
  return error.code === 'EINVAL' ? 'it is not a regular file' : error.message;
}
