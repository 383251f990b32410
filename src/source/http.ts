import { rmSync } from 'node:fs';

import { fileNameOfUrl, fromErrno, redactUrl } from '../core/index.ts';
import type { HttpSource } from '../dockerfile/types.ts';
import {
  CutOffError,
  defaultRetryPolicy,
  discard,
  get,
  statusError,
  withRetries,
  type RetryPolicy,
  type HttpResponse,
} from '../http/index.ts';
import { HttpCache, type KeptAnswer } from './http-cache.ts';
import { download } from './http-download.ts';
import { httpFailure } from './http-failure.ts';
import { prepareRequest, type PreparedRequest, type SecretLookup } from './http-request.ts';
import type { FetchedFile, FetchOptions, HttpFetcher } from './types.ts';

export interface HttpFetcherOptions {
  /** Of the download cache; made when it is first needed. */
  readonly folder: string;
  readonly secret: SecretLookup;
  readonly retry?: RetryPolicy | undefined;
  /** Milliseconds without a byte after which a transfer is begun anew; 60 s unless told. */
  readonly stall?: number | undefined;
}

/** As large as an archive may be that is unpacked. */
const defaultLimit = 64 * 2 ** 30;

interface Fetch {
  readonly source: HttpSource;
  readonly request: PreparedRequest;
  readonly kept: KeptAnswer | undefined;
  readonly options: FetchOptions & { readonly limit?: number | undefined };
}

/**
 * Fetches files behind URLs into a download cache. A file with a checksum that is in the cache is used unasked; another
 * one when the server answers that its entity tag still holds. Throws the SOURCE_ codes, SECRET_INVALID, and what
 * the signal aborts with.
 */
export function createHttpFetcher(settings: HttpFetcherOptions): HttpFetcher {
  const cache = new HttpCache(settings.folder);
  const stall = settings.stall ?? 60_000;

  async function fetchNow(job: Fetch): Promise<KeptAnswer> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), stall);
    const { signal } = job.options;
    try {
      const response = await ask(job, AbortSignal.any([signal, silence.signal]));
      timer.refresh();
      const same = keptBy(response, job.kept);
      if (same !== undefined) {
        await discard(response);
        return same;
      }
      if (!response.ok) throw await statusError(response);
      return await keep(job, response, timer);
    } catch (error) {
      if (silence.signal.aborted && !signal.aborted) throw new CutOffError(`nothing came for ${stall} ms`);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async function keep(job: Fetch, response: HttpResponse, timer: NodeJS.Timeout): Promise<KeptAnswer> {
    const { url, checksum } = job.source;
    const path = cache.staging();
    try {
      const { digest, size } = await download({
        url,
        response,
        path,
        checksum,
        limit: job.options.limit ?? defaultLimit,
        onChunk: (current, total) => {
          timer.refresh();
          job.options.onProgress?.(current, total);
        },
      });
      cache.take(path, digest);
      const answer: KeptAnswer = {
        digest,
        size,
        etag: response.headers.get('etag') ?? undefined,
        modified: modifiedOf(response),
      };
      cache.remember(url, answer);
      return answer;
    } finally {
      rmSync(path, { force: true });
    }
  }

  return {
    async fetch(source, options) {
      const { url, checksum } = source;
      const request = prepareRequest(url, settings.secret);
      const pinned = checksum === undefined ? undefined : cache.file(checksum);
      const known = cache.answer(url);
      if (checksum !== undefined && pinned !== undefined) {
        const modified = known?.digest === checksum ? known.modified : undefined;
        return { ...pinned, digest: checksum, filename: fileNameOfUrl(url), modified };
      }
      // What is kept is not what the checksum names: that it has not changed is no news.
      const kept = checksum === undefined ? known : undefined;
      try {
        const answer = await withRetries(() => fetchNow({ source, request, kept, options }), {
          policy: settings.retry ?? defaultRetryPolicy,
          signal: options.signal,
        });
        return fetchedFile(cache, url, answer);
      } catch (error) {
        options.signal.throwIfAborted();
        throw fromErrno(httpFailure(error, url), `fetching ${redactUrl(url)}`);
      }
    },
  };
}

async function ask({ request, kept }: Fetch, signal: AbortSignal): Promise<HttpResponse> {
  const { url, headers, plainHttp } = request;
  const condition = kept?.etag === undefined ? {} : { 'if-none-match': kept.etag };
  return get(url, { headers: { ...headers, ...condition }, plainHttp, signal });
}

/** Some servers know their entity tags but not the question: the same tag again is as good as a 304. */
function keptBy(response: HttpResponse, kept: KeptAnswer | undefined): KeptAnswer | undefined {
  if (kept?.etag === undefined) return undefined;
  if (response.status === 304) return kept;
  return response.ok && strong(response.headers.get('etag')) === strong(kept.etag) ? kept : undefined;
}

function strong(etag: string | null): string | undefined {
  return etag?.replace(/^W\//, '');
}

function modifiedOf(response: HttpResponse): number | undefined {
  const time = Date.parse(response.headers.get('last-modified') ?? '');
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
}

function fetchedFile(cache: HttpCache, url: string, { digest, size, modified }: KeptAnswer): FetchedFile {
  const file = cache.file(digest, size);
  if (file === undefined) throw new Error(`the download ${digest} has vanished`);
  return { ...file, digest, filename: fileNameOfUrl(url), modified };
}
