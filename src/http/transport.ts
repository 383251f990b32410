import { redactUrl, TsbuildError } from '../core/index.ts';
import type { HttpResponse } from './exchange.ts';
import { fetchFor, type TlsSettings } from './fetch.ts';
import { isLoopback } from './hosts.ts';
import { HttpStatusError, networkCode, parseRateLimits, parseRetryAfter } from './retry.ts';

export interface HttpRequest {
  readonly headers: Readonly<Record<string, string>>;
  /** For the host of the URL alone: no redirect takes them elsewhere, and ours go before them. */
  readonly originHeaders?: Readonly<Record<string, string>> | undefined;
  readonly signal: AbortSignal;
  /** Where plain http may be redirected to: this machine alone unless told; `any` where the user himself wrote `http://`. */
  readonly plainHttp?: 'loopback' | 'any' | undefined;
  /** Asked for every host that the request comes to: what one host is trusted with is nothing to the next. */
  readonly tls?: ((url: URL) => TlsSettings | undefined) | undefined;
}

/** Content to send, which can be read again: after a redirect, or with another token. */
export interface HttpBody {
  /** Bytes; undefined when that is not known before they are sent. */
  readonly size: number | undefined;
  open(): AsyncIterable<Uint8Array>;
}

export interface HttpSending extends HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly body?: HttpBody | undefined;
  /** `same-origin` for a body that holds a secret; everywhere that `get` goes unless told. */
  readonly redirects?: 'same-origin' | undefined;
}

const maxRedirects = 5;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** These alone keep method and body (RFC 9110 section 15.4). */
const keepingStatuses: ReadonlySet<number> = new Set([307, 308]);

/** GET, as `send` does it. */
export async function get(url: URL, request: HttpRequest): Promise<HttpResponse> {
  return send(url, { ...request, method: 'GET' });
}

/**
 * One request, following redirects by hand: what proves who we are goes to no other origin than it was meant for (checklist
 * G-16, S-60), and no redirect leads from https to plain http.
 */
export async function send(url: URL, request: HttpSending): Promise<HttpResponse> {
  const { method, body } = request;
  const followed = method === 'GET' || method === 'HEAD' ? redirectStatuses : keepingStatuses;
  let at = url;
  let { headers } = request;
  let { originHeaders = {} } = request;
  for (let hops = 0; ; hops += 1) {
    const fetchIt = await fetchFor(at, request.tls?.(at));
    const response = await fetchIt(at.href, {
      method,
      // Blobs are compressed already, and a transfer coding would be undone here behind the digest's back.
      headers: {
        ...originHeaders,
        ...{ 'user-agent': 'tsbuild', 'accept-encoding': 'identity' },
        ...lengthOf(request),
        ...headers,
      },
      signal: request.signal,
      ...(body === undefined ? {} : { body: body.open() }),
    });
    const location = response.headers.get('location');
    if (!followed.has(response.status) || location === null) return response;
    await discard(response);
    const next = URL.canParse(location, at.href) ? new URL(location, at) : undefined;
    if (next === undefined || hops >= maxRedirects || !mayFollow(at, next, request)) {
      throw new HttpStatusError({
        status: response.status,
        detail: `a redirect that is not followed${next === undefined ? '' : ` (to ${next.origin})`}`,
      });
    }
    if (next.origin !== at.origin) [headers, originHeaders] = [withoutCredentials(headers), {}];
    at = next;
  }
}

/** Without it the body would travel in chunks, which some registries refuse. */
function lengthOf({ method, body }: HttpSending): Record<string, string> {
  if (body === undefined) return method === 'GET' || method === 'HEAD' ? {} : { 'content-length': '0' };
  return body.size === undefined ? {} : { 'content-length': String(body.size) };
}

function mayFollow(from: URL, to: URL, { plainHttp, redirects }: HttpSending): boolean {
  if (redirects === 'same-origin' && to.origin !== from.origin) return false;
  // A server's own credentials in the place of the user's: no honest one does that, and fetch takes no such URL.
  if (to.username !== '' || to.password !== '') return false;
  if (to.protocol === 'https:') return true;
  if (to.protocol !== 'http:' || from.protocol !== 'http:') return false;
  return plainHttp === 'any' || isLoopback(to) || to.hostname === from.hostname;
}

function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !['authorization', 'cookie'].includes(name.toLowerCase())),
  );
}

/** Frees the connection of an answer that nobody reads. */
export async function discard(response: HttpResponse): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/** A whole small body. Throws REGISTRY_ERROR beyond the limit, without reading on. */
export async function readBody(response: HttpResponse, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bodyOf(response)) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge(response, limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(response: HttpResponse, limit: number): TsbuildError {
  const { host } = new URL(response.url);
  return new TsbuildError('REGISTRY_ERROR', `the answer of ${host} is larger than ${limit} bytes`);
}

/** The body's bytes; leaving the loop early frees the connection. */
export async function* bodyOf(response: HttpResponse): AsyncGenerator<Uint8Array, void, undefined> {
  if (response.body === null) return;
  yield* response.body as unknown as AsyncIterable<Uint8Array>;
}

const shownDetail = 256;

/** What went wrong, from an answer that is no success: the registry's own code and words, cut short and without the secrets. */
export async function statusError(
  response: HttpResponse,
  secrets: readonly string[] = [],
): Promise<HttpStatusError> {
  const body = await readBody(response, 64 * 1024).catch(() => Buffer.alloc(0));
  return new HttpStatusError({
    status: response.status,
    detail: errorDetail(
      // An answer to HEAD has no body: Azure says it in a header, too.
      body.toString('utf8').replace(/^\uFEFF/, '') || (response.headers.get('x-ms-error-code') ?? ''),
      secrets,
    ),
    retryAfter: parseRetryAfter(response.headers.get('retry-after')),
    limits: parseRateLimits(response.headers),
  });
}

/**
 * distribution-spec "Error Codes": `{"errors":[{"code","message"}]}`, one of these alone, as cache services answer, or the
 * XML of object stores; anything else is shown as the text it is.
 */
function errorDetail(body: string, secrets: readonly string[]): string {
  let text = body;
  try {
    const parsed = JSON.parse(body) as (JsonError & { errors?: JsonError[] }) | null;
    const first = parsed?.errors?.[0] ?? parsed;
    const said = [first?.code ?? first?.typeKey, first?.message ?? first?.msg];
    const words = said.filter((part) => typeof part === 'string');
    if (words.length > 0 || parsed?.errors?.[0] !== undefined) text = words.join(': ');
  } catch {
    // Proxies answer with pages of their own.
    if (/^\s*</.test(body)) text = xmlDetail(body);
  }
  // Before anything is cut: half a secret would be found no more.
  for (const secret of secrets) text = text.replaceAll(secret, 'xxxxx');
  // A terminal must not be steered by a server's words, nor shown what a proxy repeats of the request (S-61).
  return redactUrl(text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim())
    .replace(/\b(basic|bearer)\s+[\w.~+/=-]{6,}/gi, '$1 xxxxx')
    .slice(0, shownDetail);
}

interface JsonError {
  readonly code?: unknown;
  readonly message?: unknown;
  /** Twirp's word for the message. */
  readonly msg?: unknown;
  readonly typeKey?: unknown;
}

/** `<Error><Code>…</Code><Message>…</Message>` of S3 and Azure, and nothing of what else they repeat of the request. */
function xmlDetail(body: string): string {
  const [, code] = /<Error>[^]*?<Code>([^<]*)<\/Code>/.exec(body) ?? [];
  const [, message] = /<Error>[^]*?<Message>([^<]*)<\/Message>/.exec(body) ?? [];
  return [code, message].filter((part) => part !== undefined).join(': ');
}

const certificateCodes = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
];

export function certificateProblem(error: unknown): string | undefined {
  return networkCode(error, certificateCodes);
}
