import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request of an object store, with its body. */
export interface ObjectRequest {
  readonly method: string;
  /** As it came, still encoded. */
  readonly path: string;
  /** Decoded, in their order. */
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface ObjectAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export async function readRequest(request: IncomingMessage): Promise<ObjectRequest> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  return {
    method: request.method ?? '',
    path,
    query: query
      .split('&')
      .filter((part) => part !== '')
      .map((part) => part.split(/=(.*)/s))
      .map(([name = '', value = '']) => [decodeURIComponent(name), decodeURIComponent(value)]),
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: Buffer.concat(chunks),
  };
}

export function sendAnswer(
  response: ServerResponse,
  method: string,
  { status, headers = {}, body = '' }: ObjectAnswer,
): void {
  const bytes = Buffer.from(body);
  const length = { 'content-length': String(bytes.byteLength) };
  response.writeHead(status, { ...(status === 204 ? {} : length), ...headers });
  response.end(method === 'HEAD' || status === 204 ? undefined : bytes);
}

export interface StoredObject {
  readonly bytes: Buffer;
  readonly tag: string;
  readonly modified: Date;
}

/** What a GET or HEAD of an object answers, a range of it included. */
export function answerWith({ bytes, tag, modified }: StoredObject, { headers }: ObjectRequest): ObjectAnswer {
  const start = Number(/^bytes=(\d+)-$/.exec(headers['range'] ?? '')?.[1] ?? 0);
  const common = { etag: tag, 'last-modified': modified.toUTCString() };
  if (start === 0) return { status: 200, headers: common, body: bytes };
  const range = `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}`;
  return { status: 206, headers: { ...common, 'content-range': range }, body: bytes.subarray(start) };
}

/** Whether the conditions of a write do not hold (RFC 9110, section 13). */
export function isRefused(
  headers: Readonly<Record<string, string>>,
  there: StoredObject | undefined,
): boolean {
  if (headers['if-none-match'] === '*') return there !== undefined;
  const tag = headers['if-match'];
  return tag !== undefined && tag !== there?.tag;
}
