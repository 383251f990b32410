import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { isErrno, TsbuildError } from '../core/index.ts';
import { compileIgnore, parseDockerfile, parseIgnoreFile } from '../dockerfile/index.ts';
import type { Dockerfile } from '../dockerfile/types.ts';
import { openRootDir } from '../sys/index.ts';
import type { BuildContext } from './context.ts';

export interface LoadOptions {
  readonly context: string;
  readonly file?: string | undefined;
  readonly buildArgs?: ReadonlyMap<string, string> | undefined;
}

/** Reads and parses the Dockerfile: the one named, else `Dockerfile` or `dockerfile` of the context (L-221). */
export function loadDockerfile(options: LoadOptions): Dockerfile {
  requireFolder(options.context);
  const path = dockerfilePath(options);
  const syntax = options.buildArgs?.get('BUILDKIT_SYNTAX');
  return parseDockerfile(readText(path === '-' ? 0 : path, path), path === '-' ? 'stdin' : path, { syntax });
}

/** Opens the context; `<Dockerfile>.dockerignore` beside the Dockerfile goes before the context's own (L-223). */
export function loadContext(options: LoadOptions): BuildContext & Disposable {
  const ignoreFile = ignorePath(options);
  const rules = ignoreFile === undefined ? [] : parseIgnoreFile(readText(ignoreFile, ignoreFile), ignoreFile);
  const root = openRootDir(options.context);
  return {
    name: options.context,
    root,
    ignore: compileIgnore(rules),
    ignoreFile: ignoreFile === undefined ? undefined : basename(ignoreFile),
    [Symbol.dispose]: () => root[Symbol.dispose](),
  };
}

function dockerfilePath({ context, file }: LoadOptions): string {
  if (file !== undefined) return file;
  const names = ['Dockerfile', 'dockerfile'].map((name) => join(context, name));
  return names.find((path) => existsSync(path)) ?? join(context, 'Dockerfile');
}

function ignorePath(options: LoadOptions): string | undefined {
  const path = dockerfilePath(options);
  const beside = path === '-' ? [] : [join(dirname(path), `${basename(path)}.dockerignore`)];
  return [...beside, join(options.context, '.dockerignore')].find((candidate) => existsSync(candidate));
}

function readText(path: string | number, name: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) {
      throw new TsbuildError('DOCKERFILE_NOT_FOUND', `there is no Dockerfile at ${name}`, {
        hint: 'name another one with -f/--file',
        cause: error,
      });
    }
    if (isErrno(error, 'EACCES', 'EISDIR')) {
      throw new TsbuildError('DOCKERFILE_NOT_FOUND', `${name} cannot be read: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}

function requireFolder(context: string): void {
  if (context === '-' || /^(https?|git|ssh):\/\//.test(context)) {
    throw new TsbuildError('CONTEXT_NOT_FOUND', `a context of the form ${context} is not supported yet`, {
      hint: 'give a folder',
    });
  }
  const folder = statSync(context, { throwIfNoEntry: false });
  if (folder?.isDirectory() === true) return;
  throw new TsbuildError('CONTEXT_NOT_FOUND', `the build context ${context} is not a folder`, {
    hint:
      folder === undefined ? 'no such folder' : 'name a Dockerfile with -f/--file, and its folder as context',
  });
}
