import type { Command } from 'commander';

import type { CacheWishes } from '../remote-cache/index.ts';
import { collect } from './command.ts';

export interface CacheFlags {
  readonly cacheFrom?: readonly string[];
  readonly cacheTo?: readonly string[];
  readonly cacheRepo?: string;
  readonly cacheVerify?: string;
}

export function addCacheOptions(command: Command): Command {
  return command
    .optionsGroup('Results of steps from elsewhere, and for others:')
    .option(
      '--cache-from <spec>',
      'take results from: NAME or type=registry,ref=NAME (a cache, or an image with an inline one), type=local,src=FOLDER, type=gha, type=s3,bucket=NAME, type=azblob,account_url=URL; repeatable',
      collect,
    )
    .option(
      '--cache-to <spec>',
      'put results into: type=registry,ref=NAME, type=local,dest=FOLDER, type=inline, type=gha, type=s3, type=azblob; with mode=min|max and more; repeatable',
      collect,
    )
    .option(
      '--cache-repo <repository>',
      'take results from, and put them into, a repository with a tag for each step, as kaniko does',
    )
    .option(
      '--cache-verify <sample>',
      'make some of the steps that came from elsewhere again, and fail if they differ: 3 of them, or 10%',
    );
}

/** Throws USAGE and REFERENCE_INVALID for values that make no sense. */
export async function cacheOptionsOf(
  flags: CacheFlags,
): Promise<{ readonly caches: CacheWishes | undefined }> {
  const { cacheFrom = [], cacheTo = [], cacheRepo, cacheVerify } = flags;
  const isTold = cacheFrom.length + cacheTo.length > 0 || (cacheRepo ?? cacheVerify) !== undefined;
  if (!isTold) return { caches: undefined };
  const { parseCacheFrom, parseCacheRepo, parseCacheTo, parseVerifySample } =
    await import('../remote-cache/index.ts');
  const repository = cacheRepo === undefined ? undefined : parseCacheRepo(cacheRepo);
  const [from, to] = [cacheFrom.map(parseCacheFrom), cacheTo.map(parseCacheTo)];
  return {
    caches: {
      from: repository === undefined ? from : [...from, repository.from],
      to: repository === undefined ? to : [...to, repository.to],
      verify: cacheVerify === undefined ? undefined : parseVerifySample(cacheVerify),
    },
  };
}
