import { TsbuildError } from '../core/index.ts';
import {
  bodyOf,
  CutOffError,
  readBlob,
  send,
  statusError,
  withRetries,
  type HttpBody,
  type HttpSending,
  type HttpResponse,
} from '../http/index.ts';
import type { Blob, BlobBytes, PlaceOptions } from './types.ts';

/** One service, spoken to. */
export interface Service extends PlaceOptions {
  readonly name: string;
  /** Never told, whoever repeats them. */
  readonly secrets: readonly string[];
}

export interface Asking {
  readonly method: HttpSending['method'];
  readonly url: URL;
  /** With `more` among them. Made anew for each try: a signature has its time in it. */
  readonly headers: (more?: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
  readonly body?: HttpBody | undefined;
  /** Bytes of the answer that are read at most; 1 MiB unless told. */
  readonly limit?: number | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: HttpResponse['headers'];
  readonly bytes: Buffer;
}

const defaultLimit = 2 ** 20;

/** Larger blobs go in parts, of which a failure costs one. */
export const defaultPart = 32 * 2 ** 20;

/** A request and its whole answer, tried again where that may help. Throws HttpStatusError for all but success. */
export async function exchange(service: Service, asking: Asking): Promise<Answer> {
  const { retry: policy, signal } = service;
  return withRetries(async () => attempt(service, asking), { policy, signal });
}

/** Given up when neither side has sent anything for too long. */
async function attempt(service: Service, asking: Asking): Promise<Answer> {
  const { stall, signal } = service;
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), stall);
  const { body, limit = defaultLimit } = asking;
  const open = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body?.open() ?? []) {
      timer.refresh();
      yield chunk;
    }
  };
  try {
    const response = await ask(service, {
      ...asking,
      body: body && { size: body.size, open },
      signal: AbortSignal.any([signal, silence.signal]),
    });
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of bodyOf(response)) {
      timer.refresh();
      size += chunk.byteLength;
      if (size > limit) throw tooLarge(service, limit);
      chunks.push(chunk);
    }
    return { status: response.status, headers: response.headers, bytes: Buffer.concat(chunks) };
  } catch (error) {
    if (silence.signal.aborted && !signal.aborted) throw new CutOffError(`nothing came for ${stall} ms`);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The bytes of a blob, from where a cut left them; `asking` is called for each request. */
export function download(
  service: Service,
  blob: Blob,
  asking: () => Promise<Asking>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, retry, stall } = service;
  return readBlob(blob, {
    ...{ signal, stall },
    retry: () => retry,
    request: async (range, stop) => {
      const { headers, ...rest } = await asking();
      return ask(service, { ...rest, headers: () => headers(range), signal: stop });
    },
  });
}

async function ask(
  { name, secrets }: Service,
  { method, url, headers, body, signal }: Asking & { readonly signal: AbortSignal },
): Promise<HttpResponse> {
  const sent = headers();
  // An error of the HTTP library would quote the header it cannot send.
  if (!Object.values(sent).every((value) => /^[\x20-\x7e]*$/.test(value.trim()))) throw unsendable(name);
  const response = await send(url, {
    ...{ method, body, signal },
    headers: sent,
    // What proves who asks is in headers of many names here, and in none that another host should see.
    redirects: 'same-origin',
    plainHttp: url.protocol === 'http:' ? 'any' : undefined,
  });
  if (response.ok) return response;
  throw await statusError(response, [...secrets, ...signaturesIn(url)]);
}

/** Whoever has what a signed URL proves itself by may do what we may; as it stands there, and decoded. */
function signaturesIn({ search, searchParams }: URL): readonly string[] {
  const isProof = (name: string): boolean => /sig|token|credential/i.test(name);
  const raw = search
    .slice(1)
    .split('&')
    .map((pair) => pair.split('='));
  return [...raw.map(([name = '', ...value]) => [name, value.join('=')] as const), ...searchParams]
    .filter(([name, value]) => isProof(name) && value !== '')
    .map(([, value]) => value);
}

function unsendable(name: string): TsbuildError {
  return new TsbuildError('CACHE_SERVICE_DENIED', `the credentials for ${name} are none that can be sent`, {
    hint: 'is there a line break in a token?',
  });
}

function tooLarge({ name }: Service, limit: number): TsbuildError {
  return new TsbuildError('CACHE_SERVICE_ERROR', `an answer of ${name} is larger than ${limit} bytes`);
}

/** A body of bytes at hand. */
export function bodyOfBytes(bytes: Uint8Array): HttpBody {
  return {
    size: bytes.byteLength,
    open: async function* () {
      yield await Promise.resolve(bytes);
    },
  };
}

/** A body of a part of a blob. */
export function bodyOfPart(blob: BlobBytes, { start, end }: Part): HttpBody {
  return { size: end - start, open: () => blob.read(start, end) };
}

export interface Part {
  /** From 1. */
  readonly number: number;
  readonly start: number;
  /** Not included. */
  readonly end: number;
}

/** A blob in parts of `size` bytes, the last one shorter. */
export function partsOf(total: number, size: number): readonly Part[] {
  return Array.from({ length: Math.ceil(total / size) }, (_, index) => ({
    number: index + 1,
    start: index * size,
    end: Math.min(total, (index + 1) * size),
  }));
}

/** The answers in the order of the items; the first failure is thrown when nothing is under way any more. */
export async function inParallel<T, R>(
  items: readonly T[],
  count: number,
  task: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const answers: R[] = [];
  const left = [...items.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [place, item] = next;
      try {
        answers[place] = await task(item);
      } catch (error) {
        left.length = 0;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(count, items.length) }, work);
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return answers;
}
