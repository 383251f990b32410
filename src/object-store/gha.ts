import { setTimeout as sleep } from 'node:timers/promises';

import { digestOf, digestParts, TsbuildError } from '../core/index.ts';
import { HttpStatusError } from '../http/index.ts';
import { presigned } from './azure-blob.ts';
import { crowded, maxDocumentBytes } from './document.ts';
import { download, exchange, type Service } from './exchange.ts';
import { bytesWithin, telling, tellingBlob, within } from './failure.ts';
import { listedKeys } from './gha-listing.ts';
import { ghaEntriesV1, ghaEntriesV2, type GhaEntry } from './gha-service.ts';
import { scopesOf } from './gha-token.ts';
import { placeName } from './name.ts';
import type { Blob, BlobBytes, BlobPlace, ChangeDocument, GhaSpec, PlaceOptions } from './types.ts';

const parallelism = 4;
const maxBlobWaits = 3;
const maxSkipped = 9;

/**
 * The cache of GitHub Actions. Entries are never written twice: the document has a number behind its key, and who makes the
 * entry of the next number has the right to write it, so that no part of a document is lost.
 */
export function ghaPlace(spec: GhaSpec, options: PlaceOptions): BlobPlace {
  const { scope, timeout } = spec;
  const { url, token } = accessOf(spec);
  const service: Service = { ...options, name: placeName(spec), secrets: [token] };
  const scopes = scopesOf(token);
  const entries = (spec.version === 2 ? ghaEntriesV2 : ghaEntriesV1)({ url, token });
  // Others may not see what a branch made, so that each has a document of its own.
  const documentKey = (branch: string): string =>
    `tsbuild-index-${scope}-1-${digestParts(digestOf(branch)).hex.slice(0, 8)}#`;
  const blobKey = ({ digest }: Blob): string => `tsbuild-blob-1-${digest}`;
  const inTime = async <T>(task: (service: Service) => Promise<T>): Promise<T> =>
    telling(service, async () => within(service, timeout, task));

  const read = async (timed: Service, { url: at }: GhaEntry): Promise<Buffer> =>
    (await exchange(timed, presigned({ method: 'GET', url: at, limit: maxDocumentBytes }))).bytes;

  const replace = async (timed: Service, key: string, change: ChangeDocument): Promise<void> => {
    let waited = 0;
    for (let waits = 0; ; waits++) {
      const there = await entries.find(timed, key);
      const bytes = change(there === undefined ? undefined : await read(timed, there), key);
      if (bytes === undefined) return;
      const next = 1 + Number(/#(\d{1,9})$/.exec(there?.key ?? '')?.[1] ?? 0);
      // Whoever took the next number is waited for. He may have been killed: then it stays taken.
      const isPatient = waited < timed.retry.patience / 4;
      for (let number = next; number <= (isPatient ? next : next + maxSkipped); number++)
        if (await entries.put(timed, `${key}${number}`, blobOf(bytes))) return;
      if (!isPatient) throw crowded(service.name);
      waited += await pause(timed, waits);
    }
  };

  const putBlob = async (timed: Service, blob: BlobBytes): Promise<void> => {
    const key = blobKey(blob);
    if (await entries.put(timed, key, blob)) return;
    for (let waits = 0; waits < maxBlobWaits; waits++) {
      if ((await entries.find(timed, key)) !== undefined) return;
      await pause(timed, waits);
    }
    // Begun by somebody who was killed, it stays unfinished; what begins with the key is found, too.
    for (let number = 2; number < 2 + maxSkipped; number++)
      if (await entries.put(timed, `${key}#${number}`, blob)) return;
    throw crowded(service.name);
  };

  let listed: Promise<ReadonlySet<string> | undefined> | undefined;
  return {
    ...{ name: service.name, parallelism },
    has: async (blob) =>
      inTime(async (timed) => {
        const key = blobKey(blob);
        const all = await (listed ??= listedKeys(timed, spec, scopes.read));
        return all?.has(key) ?? (await entries.find(timed, key)) !== undefined;
      }),
    put: async (blob) => inTime(async (timed) => putBlob(timed, blob)),
    read: (blob) =>
      tellingBlob(
        service,
        blob,
        bytesWithin(service, timeout, (timed) =>
          download(timed, blob, async () => {
            const entry = await entries.find(timed, blobKey(blob));
            if (entry === undefined) throw new HttpStatusError({ status: 404, detail: '' });
            return presigned({ method: 'GET', url: entry.url });
          }),
        ),
      ),
    documents: async () =>
      inTime(async (timed) => {
        const found: Buffer[] = [];
        for (const branch of scopes.read) {
          const entry = await entries.find(timed, documentKey(branch));
          if (entry !== undefined) found.push(await read(timed, entry));
        }
        return found;
      }),
    replace: async (change) =>
      inTime(async (timed) => {
        const { write } = scopes;
        if (write === undefined) throw readOnly(service.name);
        await replace(timed, documentKey(write), change);
      }),
  };
}

/** What a job is told of its cache. Throws CACHE_SERVICE_DENIED. */
function accessOf({ version, url, token }: GhaSpec): { readonly url: string; readonly token: string } {
  const name = version === 2 ? 'ACTIONS_RESULTS_URL' : 'ACTIONS_CACHE_URL';
  const missing = [
    ...(url === undefined ? [name] : []),
    ...(token === undefined ? ['ACTIONS_RUNTIME_TOKEN'] : []),
  ];
  if (url !== undefined && token !== undefined) return { url: url.endsWith('/') ? url : `${url}/`, token };
  throw new TsbuildError(
    'CACHE_SERVICE_DENIED',
    `the cache of GitHub Actions needs ${missing.join(' and ')}, which GitHub gives to actions and not to run: steps; crazy-max/ghaction-github-runtime hands them on`,
    { hint: 'put the step `uses: crazy-max/ghaction-github-runtime@v3` before the build' },
  );
}

function blobOf(bytes: Uint8Array): BlobBytes {
  return {
    digest: digestOf(bytes),
    size: bytes.byteLength,
    read: async function* (start, end) {
      yield await Promise.resolve(bytes.subarray(start, end));
    },
  };
}

/** Milliseconds that were waited. */
async function pause({ retry, signal }: Service, waits: number): Promise<number> {
  const time = Math.min(retry.longest, retry.first * 2 ** waits);
  await sleep(time, undefined, { signal });
  return time;
}

function readOnly(name: string): TsbuildError {
  return new TsbuildError('CACHE_SERVICE_DENIED', `${name} may only be read by this job`, {
    hint: 'write caches in jobs of branches, or with ignore-error=true',
  });
}
