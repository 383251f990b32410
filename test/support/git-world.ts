import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { TsbuildError } from '../../src/core/index.ts';
import { parseGitSource, type GitSource } from '../../src/dockerfile/index.ts';
import { createGitFetcher, type GitFetcher, type GitFetcherOptions } from '../../src/source/index.ts';
import { flock } from '../../src/sys/index.ts';
import { tempFolder } from './temp-folder.ts';

/** A fetcher with a folder of its own, its locks real ones. */
export function gitWorld(options: Partial<GitFetcherOptions> = {}): {
  readonly fetcher: GitFetcher;
  /** Of the bare repositories. */
  readonly folder: string;
} {
  const { path } = tempFolder('git');
  const locks = join(path, 'locks');
  mkdirSync(locks);
  const fetcher = createGitFetcher({
    folder: join(path, 'repositories'),
    async lock(name, { signal }) {
      const held = await flock(join(locks, name), { signal });
      return { [Symbol.asyncDispose]: async () => held.release() };
    },
    secret: () => undefined,
    sshAgent: async () => undefined,
    knownHosts: [],
    ...options,
  });
  return { fetcher, folder: path };
}

export const noHurry = { signal: new AbortController().signal };

/** Reads the source, finds its commit and puts its files into a fresh folder, whose path is returned. */
export async function checkOut(fetcher: GitFetcher, text: string | GitSource): Promise<string> {
  const source = typeof text === 'string' ? parseGitSource(text) : text;
  if (source === undefined) throw new Error('not a git source');
  const commit = await fetcher.resolve(source, noHurry);
  const { path } = tempFolder('checkout');
  await fetcher.checkout(source, { commit, folder: path }, noHurry);
  return path;
}

/** The error that an action must end with. */
export async function errorOf(action: Promise<unknown>): Promise<TsbuildError> {
  const error = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof TsbuildError) return error;
  throw new Error('no TsbuildError was thrown', { cause: error });
}
