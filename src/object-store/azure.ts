import { setTimeout as sleep } from 'node:timers/promises';

import { TsbuildError } from '../core/index.ts';
import { HttpStatusError } from '../http/index.ts';
import { azureSigner, putBlockBlob, type AzureRequest } from './azure-blob.ts';
import { crowded, maxDocumentBytes, maxTries, unlessMissing } from './document.ts';
import { bodyOfBytes, download, exchange, inParallel, type Answer, type Service } from './exchange.ts';
import { telling, tellingBlob } from './failure.ts';
import { joined, placeName } from './name.ts';
import { encodePath } from './s3-sign.ts';
import type { AzureSpec, Blob, BlobPlace, ChangeDocument, PlaceOptions } from './types.ts';

const parallelism = 4;

/** A container of Azure Blob Storage (O-15). It is made when something is put there. */
export function azurePlace(spec: AzureSpec, options: PlaceOptions): BlobPlace {
  const { account, container, prefix, proof } = spec;
  if (proof === undefined) {
    throw new TsbuildError(
      'CACHE_SERVICE_DENIED',
      `no credentials for the Azure account ${account} are known`,
      {
        hint: 'set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or give secret_access_key=…',
      },
    );
  }
  const service: Service = {
    ...options,
    name: placeName(spec),
    secrets: [proof.kind === 'key' ? proof.key : proof.query],
  };
  const sign = azureSigner(account, proof);
  const base = `${spec.accountUrl.replace(/\/+$/, '')}/${container}`;
  const urlOf = (...parts: readonly string[]): URL =>
    new URL(`${base}/${encodePath(joined(prefix, ...parts))}`);
  const blobUrl = ({ digest }: Blob): URL => urlOf(spec.blobsPrefix, digest);
  const documentUrl = (name: string): URL => urlOf(spec.manifestsPrefix, `${name}.tsbuild`);
  const request = async (of: AzureRequest): Promise<Answer> => exchange(service, sign(of));

  const inContainer = async <T>(task: () => Promise<T>): Promise<T> => {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof HttpStatusError) || !error.detail.startsWith('ContainerNotFound')) throw error;
    }
    await request({ method: 'PUT', url: new URL(base), query: 'restype=container' }).catch(
      (error: unknown) => {
        // Another build was quicker.
        if (!(error instanceof HttpStatusError) || error.status !== 409) throw error;
      },
    );
    return task();
  };

  const read = async (name: string): Promise<Answer | undefined> =>
    unlessMissing(async () => request({ method: 'GET', url: documentUrl(name), limit: maxDocumentBytes }));

  const replaceOne = async (name: string, change: ChangeDocument): Promise<void> => {
    for (let tries = 0; tries < maxTries; tries++) {
      const there = await read(name);
      const bytes = change(there?.bytes, name);
      if (bytes === undefined) return;
      const tag = there?.headers.get('etag') ?? undefined;
      const condition: Record<string, string> =
        tag === undefined ? { 'if-none-match': '*' } : { 'if-match': tag };
      try {
        await inContainer(async () =>
          request({
            ...{ method: 'PUT', url: documentUrl(name), body: bodyOfBytes(bytes) },
            headers: { 'x-ms-blob-type': 'BlockBlob', ...condition },
          }),
        );
        return;
      } catch (error) {
        if (!(error instanceof HttpStatusError) || ![409, 412].includes(error.status)) throw error;
      }
      const pause = Math.min(service.retry.longest, service.retry.first * tries) * Math.random();
      await sleep(pause, undefined, { signal: service.signal });
    }
    throw crowded(service.name);
  };

  return {
    ...{ name: service.name, parallelism },
    has: async (blob) =>
      telling(service, async () => {
        const there = await unlessMissing(async () => request({ method: 'HEAD', url: blobUrl(blob) }));
        return there !== undefined && Number(there.headers.get('content-length')) === blob.size;
      }),
    put: async (source) =>
      telling(service, async () => {
        await inContainer(async () => putBlockBlob(service, { url: blobUrl(source), sign, source }));
      }),
    read: (blob) =>
      tellingBlob(
        service,
        blob,
        download(service, blob, async () => Promise.resolve(sign({ method: 'GET', url: blobUrl(blob) }))),
      ),
    documents: async () =>
      telling(service, async () => {
        const found = await inParallel(spec.names, parallelism, read);
        return found.flatMap((answer) => answer?.bytes ?? []);
      }),
    replace: async (change) =>
      telling(service, async () => {
        for (const name of spec.names) await replaceOne(name, change);
      }),
  };
}
