import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { digestParts } from '../core/index.ts';
import { HttpStatusError } from '../http/index.ts';
import { crowded, maxDocumentBytes, maxTries, unlessMissing } from './document.ts';
import {
  bodyOfBytes,
  bodyOfPart,
  defaultPart,
  download,
  exchange,
  inParallel,
  partsOf,
  type Answer,
  type Asking,
  type Part,
  type Service,
} from './exchange.ts';
import { telling, tellingBlob } from './failure.ts';
import { placeName } from './name.ts';
import { awsSettings } from './s3-keys.ts';
import { emptyPayload, encodePath, signedHeaders } from './s3-sign.ts';
import type { Blob, BlobBytes, BlobPlace, ChangeDocument, PlaceOptions, S3Spec } from './types.ts';

/** "Amazon S3 multipart upload limits"; what is larger cannot be copied in one request, either. */
const maxPartCount = 10_000;
const maxCopyBytes = 5 * 2 ** 30;
/** Milliseconds: who stopped a build does not wait longer for what it cleans up. */
const abortTime = 5000;

interface S3Request {
  readonly method: Asking['method'];
  readonly key: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Asking['body'];
  /** The sha256 of the body; of none unless told. */
  readonly payload?: string;
  readonly limit?: number;
}

/** A bucket of Amazon S3, or of a service that speaks like it (O-14). */
export function s3Place(spec: S3Spec, options: PlaceOptions): BlobPlace {
  const { keys, region } = awsSettings(spec);
  const { endpoint, bucket, prefix } = spec;
  const { part = defaultPart } = options;
  const service: Service = {
    ...options,
    name: placeName(spec),
    secrets: [
      keys.secretAccessKey,
      keys.accessKeyId,
      ...(keys.sessionToken === undefined ? [] : [keys.sessionToken]),
    ],
  };
  const base = bucketUrl(spec, region);
  const asking = ({ method, key, query = '', headers = {}, ...rest }: S3Request): Asking => {
    const url = new URL(`${base}/${encodePath(key)}${query === '' ? '' : `?${query}`}`);
    const { payload = emptyPayload, ...body } = rest;
    const sign = (more = {}): Readonly<Record<string, string>> =>
      signedHeaders({
        ...{ method, url, payload, keys, region },
        headers: { ...headers, ...more },
        now: new Date(),
      });
    return { method, url, ...body, headers: sign };
  };
  const request = async (of: S3Request): Promise<Answer> => exchange(service, asking(of));
  const keyOf = ({ digest }: Blob): string => `${prefix}${spec.blobsPrefix}${digest}`;
  const documentKey = (name: string): string => `${prefix}${spec.manifestsPrefix}${name}.tsbuild`;

  const touch = async (key: string, { headers }: Answer): Promise<void> => {
    const age = Date.parse(headers.get('date') ?? '') - Date.parse(headers.get('last-modified') ?? '');
    if (!(age > spec.touchRefresh) || Number(headers.get('content-length')) > maxCopyBytes) return;
    const source = `/${bucket}/${encodePath(key)}`;
    // What does not let itself be touched may be cleaned away early, which costs a miss and not the build.
    await request({
      ...{ method: 'PUT', key },
      headers: { 'x-amz-copy-source': source, 'x-amz-metadata-directive': 'REPLACE' },
    }).catch((error: unknown) => {
      if (!(error instanceof HttpStatusError)) throw error;
    });
  };

  const upload = async (key: string, blob: BlobBytes): Promise<void> => {
    const started = await request({ method: 'POST', key, query: 'uploads=' });
    const id = xmlText(started.bytes, 'UploadId');
    const upload = `uploadId=${encodeURIComponent(id)}`;
    try {
      const size = Math.max(part, Math.ceil(blob.size / maxPartCount));
      const tags = await inParallel(partsOf(blob.size, size), spec.parallelism, async (piece) => {
        const query = `partNumber=${piece.number}&${upload}`;
        const payload = await payloadOf(blob, piece);
        const sent = await request({ method: 'PUT', key, query, body: bodyOfPart(blob, piece), payload });
        return sent.headers.get('etag') ?? '';
      });
      const parts = tags.map(
        (tag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${xmlEscaped(tag)}</ETag></Part>`,
      );
      const list = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
      const bytes = Buffer.from(list);
      const done = await request({ method: 'POST', key, query: upload, ...bodyWithPayload(bytes) });
      // It begins to answer before it knows ("CompleteMultipartUpload").
      if (/<Error>/.test(done.bytes.toString()))
        throw new HttpStatusError({ status: 500, detail: xmlText(done.bytes, 'Code') });
    } catch (error) {
      // Parts of what is never completed are kept, and paid for: also where the user has stopped it.
      const last = { ...service, signal: AbortSignal.timeout(abortTime) };
      await exchange(last, asking({ method: 'DELETE', key, query: upload })).catch(() => undefined);
      throw error;
    }
  };

  const read = async (key: string): Promise<Answer | undefined> =>
    unlessMissing(async () => request({ method: 'GET', key, limit: maxDocumentBytes }));

  const replaceOne = async (key: string, change: ChangeDocument): Promise<void> => {
    let isConditional = true;
    for (let tries = 0; tries < maxTries; tries++) {
      const begun = performance.now();
      const there = await read(key);
      const bytes = change(there?.bytes, key);
      if (bytes === undefined) {
        if (there !== undefined) await touch(key, there);
        return;
      }
      const tag = there?.headers.get('etag') ?? undefined;
      const condition: Record<string, string> =
        tag === undefined ? { 'if-none-match': '*' } : { 'if-match': tag };
      try {
        const headers = isConditional ? condition : {};
        await request({ method: 'PUT', key, headers, ...bodyWithPayload(bytes) });
        if (isConditional && endpoint === undefined) return;
      } catch (error) {
        if (!(error instanceof HttpStatusError) || ![404, 409, 412, 501].includes(error.status)) throw error;
        if (error.status === 404 && tag === undefined) throw error;
        // Not all that speak like S3 have conditional writes.
        if (error.status === 501) isConditional = false;
      }
      // Some take a condition and heed it not: what another wrote in the same moment shows when it has written, too.
      const pause = Math.min(2000, Math.max(100, 2 * (performance.now() - begun))) * (1 + Math.random());
      await sleep(pause, undefined, { signal: service.signal });
    }
    throw crowded(service.name);
  };

  return {
    name: service.name,
    parallelism: spec.parallelism,
    has: async (blob) =>
      telling(service, async () => {
        const key = keyOf(blob);
        const there = await unlessMissing(async () => request({ method: 'HEAD', key }));
        if (there === undefined || Number(there.headers.get('content-length')) !== blob.size) return false;
        await touch(key, there);
        return true;
      }),
    put: async (blob) =>
      telling(service, async () => {
        const key = keyOf(blob);
        const whole = { number: 1, start: 0, end: blob.size };
        const { algorithm, hex } = digestParts(blob.digest);
        if (blob.size > part || algorithm !== 'sha256') return upload(key, blob);
        await request({ method: 'PUT', key, body: bodyOfPart(blob, whole), payload: hex });
      }),
    read: (blob) =>
      tellingBlob(
        service,
        blob,
        download(service, blob, async () => Promise.resolve(asking({ method: 'GET', key: keyOf(blob) }))),
      ),
    documents: async () =>
      telling(service, async () => {
        const found = await inParallel(spec.names, spec.parallelism, async (name) => read(documentKey(name)));
        return found.flatMap((answer) => answer?.bytes ?? []);
      }),
    replace: async (change) =>
      telling(service, async () => {
        for (const name of spec.names) await replaceOne(documentKey(name), change);
      }),
  };
}

/** Without a slash at its end. */
function bucketUrl({ endpoint, bucket, pathStyle }: S3Spec, region: string): string {
  const amazon = `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  const url = new URL(endpoint ?? amazon);
  // An address takes no name before it, and no wildcard certificate covers a name with dots.
  const isInPath = pathStyle || /^[\d.]+$|^\[/.test(url.hostname) || bucket.includes('.');
  const path = url.pathname.replace(/\/+$/, '');
  return isInPath
    ? `${url.protocol}//${url.host}${path}/${bucket}`
    : `${url.protocol}//${bucket}.${url.host}${path}`;
}

function bodyWithPayload(bytes: Uint8Array): Pick<S3Request, 'body' | 'payload'> {
  return { body: bodyOfBytes(bytes), payload: createHash('sha256').update(bytes).digest('hex') };
}

async function payloadOf(blob: BlobBytes, { start, end }: Part): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of blob.read(start, end)) hash.update(chunk);
  return hash.digest('hex');
}

/** The text of an element that has no others in it; empty where there is none. */
function xmlText(bytes: Buffer, element: string): string {
  const text = new RegExp(`<${element}>([^<]*)</${element}>`).exec(bytes.toString('utf8'))?.[1] ?? '';
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

function xmlEscaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
