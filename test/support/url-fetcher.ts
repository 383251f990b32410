import { join } from 'node:path';

import type { HttpSource } from '../../src/dockerfile/index.ts';
import { createHttpFetcher, type FetchedFile, type HttpFetcherOptions } from '../../src/source/index.ts';
import { tempFolder } from './temp-folder.ts';

export interface UrlFetcher {
  readonly fetch: (source: HttpSource | string, limit?: number) => Promise<FetchedFile>;
  /** Of the download cache. */
  readonly folder: string;
}

/** A fetcher with a cache of its own that hurries through its retries. */
export function urlFetcher(options: Partial<HttpFetcherOptions> = {}): UrlFetcher {
  const folder = join(tempFolder('downloads').path, 'http');
  const retry = { tries: 3, first: 1, longest: 2, patience: 10 };
  const made = createHttpFetcher({ secret: () => undefined, retry, folder, ...options });
  const { signal } = new AbortController();
  return {
    folder,
    fetch: (source, limit) =>
      made.fetch(typeof source === 'string' ? { url: source } : source, { signal, limit }),
  };
}
