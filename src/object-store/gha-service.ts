import { createHash } from 'node:crypto';
import * as z from 'zod/mini';

import { TsbuildError } from '../core/index.ts';
import { HttpStatusError } from '../http/index.ts';
import { presigned, putBlockBlob } from './azure-blob.ts';
import {
  bodyOfBytes,
  bodyOfPart,
  defaultPart,
  exchange,
  inParallel,
  partsOf,
  type Answer,
  type Asking,
  type Service,
} from './exchange.ts';
import type { BlobBytes } from './types.ts';

/** Entries of the cache service, each written once (O-13). */
export interface GhaEntries {
  /** The newest entry whose key begins with `key`, in the first scope that has one. */
  find(service: Service, key: string): Promise<GhaEntry | undefined>;
  /** False where there is such an entry, or somebody is about to make it. */
  put(service: Service, key: string, source: BlobBytes): Promise<boolean>;
}

export interface GhaEntry {
  readonly key: string;
  /** Signed. */
  readonly url: URL;
}

interface Access {
  /** With a slash at its end. */
  readonly url: string;
  readonly token: string;
}

/** What an entry is: only entries of the same version are found. Those of actions/cache hash their paths here. */
const version = createHash('sha256').update('tsbuild cache 1').digest('hex');

/** Twirp: JSON in a POST, snake_case as in the service's definition. */
export function ghaEntriesV2(access: Access): GhaEntries {
  const call = async <T>(
    service: Service,
    method: string,
    { body, schema }: { readonly body: object; readonly schema: z.ZodMiniType<T> },
  ): Promise<T> => {
    const path = `twirp/github.actions.results.api.v1.CacheService/${method}`;
    const answer = await exchange(service, apiCall(access, { method: 'POST', path, json: body }));
    return checked(service, schema, answer);
  };
  return {
    async find(service, key) {
      const body = { key, restore_keys: [key], version };
      const found = await call(service, 'GetCacheEntryDownloadURL', { body, schema: foundSchema });
      const { matched_key: matched = '', signed_download_url: signed = '' } = found;
      if (found.ok !== true || !matched.startsWith(key)) return undefined;
      return { key: matched, url: signedUrl(service, signed, access) };
    },
    async put(service, key, source) {
      const created = await unlessThere(async () =>
        call(service, 'CreateCacheEntry', { body: { key, version }, schema: createdSchema }),
      );
      if (created?.ok !== true) return false;
      const url = signedUrl(service, created.signed_upload_url ?? '', access);
      await putBlockBlob(service, { url, sign: presigned, source });
      const body = { key, size_bytes: String(source.size), version };
      const { ok } = await call(service, 'FinalizeCacheEntryUpload', { body, schema: finalisedSchema });
      if (!ok) throw new HttpStatusError({ status: 200, detail: 'the upload was not accepted' });
      return true;
    },
  };
}

/** As GitHub Enterprise Server and older runners of others have it. */
export function ghaEntriesV1(access: Access): GhaEntries {
  const base = '_apis/artifactcache/';
  return {
    async find(service, key) {
      const path = `${base}cache?keys=${encodeURIComponent(key)}&version=${version}`;
      const answer = await exchange(service, apiCall(access, { method: 'GET', path }));
      if (answer.status === 204 || answer.bytes.byteLength === 0) return undefined;
      const found = checked(service, entrySchema, answer);
      if (!found.cacheKey.startsWith(key)) return undefined;
      return { key: found.cacheKey, url: signedUrl(service, found.archiveLocation, access) };
    },
    async put(service, key, source) {
      const json = { key, version, cacheSize: source.size };
      const reserved = await unlessThere(async () =>
        exchange(service, apiCall(access, { method: 'POST', path: `${base}caches`, json })),
      );
      if (reserved === undefined) return false;
      const path = `${base}caches/${checked(service, reservedSchema, reserved).cacheId}`;
      await inParallel(partsOf(source.size, service.part ?? defaultPart), parallelChunks, async (part) => {
        const asking = apiCall(access, { method: 'PATCH', path });
        await exchange(service, {
          ...asking,
          body: bodyOfPart(source, part),
          headers: () => ({
            ...asking.headers(),
            'content-type': 'application/octet-stream',
            'content-range': `bytes ${part.start}-${part.end - 1}/*`,
          }),
        });
      });
      await exchange(service, apiCall(access, { method: 'POST', path, json: { size: source.size } }));
      return true;
    },
  };
}

const parallelChunks = 4;

const address = z.string().check(z.maxLength(8192));
const foundSchema = z.object({
  ok: z.optional(z.boolean()),
  signed_download_url: z.optional(address),
  matched_key: z.optional(z.string()),
});
const createdSchema = z.object({ ok: z.optional(z.boolean()), signed_upload_url: z.optional(address) });
const finalisedSchema = z.object({ ok: z.optional(z.boolean()) });
const entrySchema = z.object({ cacheKey: z.string(), archiveLocation: address });
const reservedSchema = z.object({ cacheId: z.int().check(z.minimum(1)) });

interface ApiCall {
  readonly method: Asking['method'];
  readonly path: string;
  readonly json?: object;
}

function apiCall({ url, token }: Access, { method, path, json }: ApiCall): Asking {
  const body = json === undefined ? undefined : bodyOfBytes(Buffer.from(JSON.stringify(json)));
  return {
    ...{ method, body, url: new URL(path, url) },
    headers: () => ({
      authorization: `Bearer ${token}`,
      accept: 'application/json;api-version=6.0-preview.1',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }),
  };
}

function checked<T>({ name }: Service, schema: z.ZodMiniType<T>, { bytes }: Answer): T {
  let json: unknown;
  try {
    // .NET writes a byte order mark.
    json = JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  } catch {
    json = undefined;
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new TsbuildError('CACHE_SERVICE_ERROR', `${name} gave an answer that is none of its protocol`, {
    hint: 'does the address lead to a cache service of this version? version=1 or version=2 says which',
  });
}

/** Where bytes are, or go to. It proves who asks, so that everybody on the way could do the same where it is plain http. */
function signedUrl({ name }: Service, text: string, access: Access): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && new URL(access.url).protocol === 'http:');
  if (url !== undefined && isSafe && url.username === '' && url.password === '') return url;
  throw new TsbuildError('CACHE_SERVICE_ERROR', `${name} leads to an address that is not followed`);
}

/** Undefined where the service says that there is such an entry (409, or 400 with its own words of earlier servers). */
async function unlessThere<T>(task: () => Promise<T>): Promise<T | undefined> {
  try {
    return await task();
  } catch (error) {
    const isThere =
      error instanceof HttpStatusError &&
      (error.status === 409 || (error.status < 500 && /already.?exists/i.test(error.detail)));
    if (isThere) return undefined;
    throw error;
  }
}
