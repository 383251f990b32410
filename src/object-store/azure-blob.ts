import { createHmac } from 'node:crypto';

import {
  bodyOfBytes,
  bodyOfPart,
  defaultPart,
  exchange,
  inParallel,
  partsOf,
  type Asking,
  type Answer,
  type Service,
} from './exchange.ts';
import type { AzureProof, BlobBytes } from './types.ts';

/** Since this version a single Put Blob takes 5000 MiB, and a block 4000. */
const version = '2020-10-02';
const parallelBlocks = 4;

export interface AzureRequest {
  readonly method: Asking['method'];
  /** Without what the request adds to its query, and what proves who asks. */
  readonly url: URL;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Asking['body'];
  readonly limit?: number;
}

/** Makes a request one that proves who asks. */
export type AzureSigner = (request: AzureRequest) => Asking;

/** For a URL that was signed for us: it proves itself. */
export function presigned(request: AzureRequest): Asking {
  const { headers = {} } = request;
  return { ...request, url: urlOf(request), headers: (more = {}) => ({ ...versioned(headers), ...more }) };
}

export function azureSigner(account: string, proof: AzureProof): AzureSigner {
  if (proof.kind === 'sas') {
    return ({ query = '', ...request }) =>
      presigned({ ...request, query: [query, proof.query].filter((part) => part !== '').join('&') });
  }
  const key = Buffer.from(proof.key, 'base64');
  return (request) => {
    const { method, headers = {}, body } = request;
    const url = urlOf(request);
    return {
      ...request,
      url,
      headers: (more = {}) => {
        const all = { ...versioned(headers), ...more, 'x-ms-date': new Date().toUTCString() };
        const text = stringToSign({ method, url, headers: all, size: body?.size ?? 0, account });
        const signature = createHmac('sha256', key).update(text).digest('base64');
        return { ...all, authorization: `SharedKey ${account}:${signature}` };
      },
    };
  };
}

interface Signed {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly size: number;
  readonly account: string;
}

/** "Authorize with Shared Key" of the storage services' REST reference, for versions from 2015-02-21 on. */
export function stringToSign({ method, url, headers, size, account }: Signed): string {
  const of = (name: string): string => headers[name] ?? '';
  const standard = [
    ...[of('content-encoding'), of('content-language'), size === 0 ? '' : String(size), of('content-md5')],
    ...[of('content-type'), of('date'), of('if-modified-since'), of('if-match'), of('if-none-match')],
    ...[of('if-unmodified-since'), of('range')],
  ];
  const own = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-ms-'))
    .map(([name, value]) => `${name}:${value.trim()}`);
  const query = [...url.searchParams].map(([name, value]) => `${name.toLowerCase()}:${value}`);
  return [method, ...standard, ...own.toSorted(), `/${account}${url.pathname}`, ...query.toSorted()].join(
    '\n',
  );
}

/** Stores a block blob, a large one in blocks of which a failure costs one ("Put Blob", "Put Block", "Put Block List"). */
export async function putBlockBlob(
  service: Service,
  { url, sign, source }: { readonly url: URL; readonly sign: AzureSigner; readonly source: BlobBytes },
): Promise<Answer> {
  const { part = defaultPart } = service;
  const whole = { number: 1, start: 0, end: source.size };
  if (source.size <= part)
    return exchange(
      service,
      sign({
        ...{ method: 'PUT', url, body: bodyOfPart(source, whole) },
        headers: { 'x-ms-blob-type': 'BlockBlob' },
      }),
    );
  const ids = await inParallel(partsOf(source.size, part), parallelBlocks, async (block) => {
    // All of the same length, as the service wants it.
    const id = Buffer.from(String(block.number).padStart(8, '0')).toString('base64');
    const query = `comp=block&blockid=${encodeURIComponent(id)}`;
    await exchange(service, sign({ method: 'PUT', url, query, body: bodyOfPart(source, block) }));
    return id;
  });
  const list = ids.map((id) => `<Latest>${id}</Latest>`).join('');
  const bytes = Buffer.from(`<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`);
  return exchange(service, sign({ method: 'PUT', url, query: 'comp=blocklist', body: bodyOfBytes(bytes) }));
}

/** What is signed already stays as it is, letter for letter. */
function urlOf({ url, query = '' }: AzureRequest): URL {
  if (query === '') return url;
  const made = new URL(url);
  made.search = made.search === '' ? query : `${made.search}&${query}`;
  return made;
}

function versioned(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { ...headers, 'x-ms-version': version };
}
