import type { Agent, ClientRequest, IncomingMessage } from 'node:http';

/** The part of fetch's Response that is used here; also what a request of our own gives. */
export interface HttpResponse {
  readonly status: number;
  /** 200 to 299. */
  readonly ok: boolean;
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  /** Read to its end or cancelled, else its connection stays. */
  readonly body: { cancel(): Promise<void> } | null;
}

/** One request, as fetch takes it. */
export interface ExchangeOptions {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** Milliseconds to connect in, certificates included; undici's number. */
const connectTime = 10_000;
/** Milliseconds; undici's number. What lies between may forget a connection that rests, and tells neither end. */
const restTime = 4000;
/** Bytes. To read on to the end costs less than a new connection. */
export const worthReading = 64 * 1024;
/** Milliseconds to wait for that end. */
export const worthWaiting = 1000;

const agents = new Map<string, Agent>();

/**
 * One request by node:http, which loads in a fifth of fetch's time. And fetch keeps a copy of all that it sends, in case it
 * must be sent again: of a layer, that is more than the machine may have. Fails as fetch does, with what went wrong as
 * the cause; nothing is followed.
 */
export async function exchange(url: string, options: ExchangeOptions): Promise<HttpResponse> {
  const { signal, body } = options;
  for (;;) {
    signal.throwIfAborted();
    const sending = begin(new URL(url), options);
    const stop = (): void => void sending.destroy();
    signal.addEventListener('abort', stop);
    sending.once('close', () => signal.removeEventListener('abort', stop));
    try {
      const answered = answerOf(sending);
      await Promise.race([
        answered,
        body === undefined ? end(sending) : feed(sending, sized(body, options.headers)),
      ]);
      return responseOf(await answered, { url, sending, signal });
    } catch (error) {
      sending.destroy();
      signal.throwIfAborted();
      // The server closed a connection that it had kept, just as it was used again.
      if (body === undefined && sending.reusedSocket && isCut(error)) continue;
      throw new TypeError('fetch failed', { cause: error });
    }
  }
}

function begin(url: URL, { method, headers }: ExchangeOptions): ClientRequest {
  // What a URL carries of its own would be sent as a header that nobody named.
  if (url.username !== '' || url.password !== '') throw new TypeError('the URL has credentials');
  const { Agent, request } = process.getBuiltinModule(url.protocol === 'https:' ? 'node:https' : 'node:http');
  const agent = agents.get(url.protocol) ?? new Agent({ keepAlive: true, timeout: restTime });
  agents.set(url.protocol, agent);
  const sending = request(url, { method, headers, agent });
  sending.once('socket', (socket) => {
    if (!socket.connecting) return;
    const late = (): void => {
      sending.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' }));
    };
    const timer = setTimeout(late, connectTime);
    const ready = url.protocol === 'https:' ? 'secureConnect' : 'connect';
    for (const event of [ready, 'close']) socket.once(event, () => clearTimeout(timer));
  });
  return sending;
}

function answerOf(sending: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  sending.once('response', resolve);
  // There may be more than one, and an answer may be there already.
  sending.on('error', reject);
  sending.once('close', () => reject(Object.assign(new Error('no answer'), { code: 'ECONNRESET' })));
  promise.catch(() => undefined);
  return promise;
}

async function end(sending: ClientRequest): Promise<never> {
  sending.end();
  return new Promise(() => undefined);
}

/** Fails when the bytes cannot be had; otherwise it is the answer that counts, which may come before their end. */
async function feed(sending: ClientRequest, body: AsyncIterable<Uint8Array>): Promise<never> {
  for await (const bytes of body) {
    if (sending.destroyed) break;
    if (!sending.write(bytes) && !(await drained(sending))) break;
  }
  if (!sending.destroyed) sending.end();
  return new Promise(() => undefined);
}

/** What is too much would be taken for the next request, and for what is missing the server would wait. */
async function* sized(
  body: AsyncIterable<Uint8Array>,
  headers: Record<string, string>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const length = headers['content-length'];
  let left = Number(length ?? Infinity);
  for await (const bytes of body) {
    left -= bytes.byteLength;
    if (left < 0) break;
    yield bytes;
  }
  if (length !== undefined && left !== 0) throw new Error('the body is not as long as it was said to be');
}

/** Whether more may be written. */
function drained(sending: ClientRequest): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (): void => {
      sending.off('drain', done).off('close', done);
      resolve(!sending.destroyed);
    };
    if (sending.destroyed) resolve(false);
    else sending.on('drain', done).on('close', done);
  });
}

function isCut(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ECONNRESET', 'EPIPE'].includes(String(error.code));
}

interface Exchanged {
  readonly url: string;
  readonly sending: ClientRequest;
  readonly signal: AbortSignal;
}

/** RFC 9112 section 6.3. */
export function hasBody(method: string, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304;
}

function responseOf(message: IncomingMessage, exchanged: Exchanged): HttpResponse {
  const { url, sending } = exchanged;
  const status = message.statusCode ?? 0;
  const isRead = hasBody(sending.method, status);
  if (!isRead) message.resume();
  // Who has answered is not interested in the rest.
  message.once('end', () => {
    if (!sending.writableEnded) sending.destroy();
  });
  return {
    status,
    ok: status >= 200 && status < 300,
    url,
    headers: { get: (name) => message.headersDistinct[name.toLowerCase()]?.join(', ') ?? null },
    body: isRead ? bodyOf(message, exchanged) : null,
  };
}

function bodyOf(
  message: IncomingMessage,
  { sending, signal }: Exchanged,
): AsyncIterable<Uint8Array> & { cancel(): Promise<void> } {
  return {
    async *[Symbol.asyncIterator]() {
      // A request that is destroyed drops what of its answer nobody has read, as if there were no more of it.
      signal.throwIfAborted();
      try {
        yield* message as AsyncIterable<Uint8Array>;
      } catch (error) {
        signal.throwIfAborted();
        throw new TypeError('terminated', { cause: error });
      }
    },
    async cancel() {
      if (message.readableEnded || message.destroyed) return;
      const closed = new Promise((resolve) => message.once('close', resolve));
      message.on('error', () => undefined);
      const isShort = Number(message.headers['content-length'] ?? Infinity) <= worthReading;
      if (isShort && sending.writableEnded) message.resume();
      else sending.destroy();
      const timer = setTimeout(() => sending.destroy(), worthWaiting);
      await closed;
      clearTimeout(timer);
    },
  };
}
