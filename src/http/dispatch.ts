import { Readable } from 'node:stream';
import type { Dispatcher, request } from 'undici';

import { hasBody, worthReading, worthWaiting, type ExchangeOptions, type HttpResponse } from './exchange.ts';

/** What is needed of undici. */
export interface Dispatching {
  readonly request: typeof request;
  readonly dispatcher: Dispatcher;
}

/** As `exchange`, by undici: like it, and unlike fetch, this undoes no coding of the content and keeps nothing of what it sends. */
export async function dispatch(
  url: string,
  { body, signal, ...asked }: ExchangeOptions,
  { request, dispatcher }: Dispatching,
): Promise<HttpResponse> {
  const sent = body === undefined ? null : Readable.from(body, { objectMode: false });
  const { method } = asked;
  try {
    const answer = await request(url, { ...asked, body: sent, signal, dispatcher });
    return responseOf(answer, { url, method, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new TypeError('fetch failed', { cause: error });
  }
}

interface Dispatched extends Pick<ExchangeOptions, 'method' | 'signal'> {
  readonly url: string;
}

function responseOf(
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  { url, method, signal }: Dispatched,
): HttpResponse {
  // Whoever reads it is told by the iterator.
  body.on('error', () => undefined);
  const isRead = hasBody(method, status);
  if (!isRead) body.resume();
  return {
    status,
    ok: status >= 200 && status < 300,
    url,
    headers: {
      get(name) {
        const value = headers[name.toLowerCase()];
        return value === undefined ? null : [value].flat().join(', ');
      },
    },
    body: isRead ? bodyOf(body, signal) : null,
  };
}

function bodyOf(body: Dispatcher.ResponseData['body'], signal: AbortSignal): HttpResponse['body'] {
  const read = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    signal.throwIfAborted();
    try {
      yield* body as AsyncIterable<Uint8Array>;
    } catch (error) {
      signal.throwIfAborted();
      throw new TypeError('terminated', { cause: error });
    }
  };
  const cancel = async (): Promise<void> => {
    const late = AbortSignal.any([signal, AbortSignal.timeout(worthWaiting)]);
    await body.dump({ limit: worthReading, signal: late }).catch(() => undefined);
  };
  return Object.assign({ [Symbol.asyncIterator]: read }, { cancel });
}
