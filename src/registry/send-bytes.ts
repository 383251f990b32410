import { CutOffError, discard, type HttpResponse } from '../http/index.ts';
import type { Conversation } from './conversation.ts';

export interface SendingWork {
  readonly conversation: Conversation;
  readonly signal: AbortSignal;
  /** Milliseconds without progress after which a request is begun anew. */
  readonly stall: number;
  /** Called with every piece that was handed to the network: bytes of this piece, and how far the blob is. */
  readonly onBytes: (count: number, reached: number) => void;
}

export interface Sending {
  /** A URL the registry gave, or a path below the repository's. */
  readonly location: string | URL;
  readonly start: number;
  /** Undefined when it is not known. */
  readonly end?: number | undefined;
  readonly method: 'POST' | 'PATCH' | 'PUT';
  readonly headers: Record<string, string>;
  read(): AsyncIterable<Uint8Array>;
}

/** One request with bytes of the blob; given up when the network takes none of them for too long. */
export async function sendBytes(sending: Sending, work: SendingWork): Promise<HttpResponse> {
  const { location, start, end, method, headers } = sending;
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), work.stall);
  const open = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    let reached = start;
    for await (const bytes of sending.read()) {
      timer.refresh();
      reached += bytes.byteLength;
      work.onBytes(bytes.byteLength, reached);
      yield bytes;
    }
  };
  try {
    const response = await work.conversation.request(location, {
      method,
      headers: { 'content-type': 'application/octet-stream', ...headers },
      body: { size: end === undefined ? undefined : end - start, open },
      signal: AbortSignal.any([work.signal, silence.signal]),
    });
    await discard(response);
    return response;
  } catch (error) {
    if (!silence.signal.aborted || work.signal.aborted) throw error;
    throw new CutOffError(`the registry took nothing for ${work.stall} ms`);
  } finally {
    clearTimeout(timer);
  }
}
