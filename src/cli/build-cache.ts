import type { Command } from 'commander';

import type { CacheWishes } from '../remote-cache/index.ts';
import { collect } from './command.ts';

export interface CacheFlags {
  readonly cacheFrom?: readonly string[];
  readonly cacheTo?: readonly string[];
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
      '--cache-verify <sample>',
      'make some of the steps that came from elsewhere again, and fail if they differ: 3 of them, or 10%',
    );
}

/** Throws USAGE and REFERENCE_INVALID for values that make no sense. */
export async function cacheOptionsOf(
  flags: CacheFlags,
): Promise<{ readonly caches: CacheWishes | undefined }> {
  const { cacheFrom = [], cacheTo = [], cacheVerify } = flags;
  if (cacheFrom.length + cacheTo.length === 0 && cacheVerify === undefined) return { caches: undefined };
  const { parseCacheFrom, parseCacheTo, parseVerifySample } = await import('../remote-cache/index.ts');
  return {
    caches: {
      from: cacheFrom.map(parseCacheFrom),
      to: cacheTo.map(parseCacheTo),
      verify: cacheVerify === undefined ? undefined : parseVerifySample(cacheVerify),
    },
  };
}
