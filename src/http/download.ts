import { setTimeout as sleep } from 'node:timers/promises';

import { TsbuildError, type Digest } from '../core/index.ts';
import { countTries, CutOffError, type RetryPolicy } from './retry.ts';
import type { HttpResponse } from './exchange.ts';
import { bodyOf } from './transport.ts';

export interface BlobTransfer {
  readonly signal: AbortSignal;
  /** Of the place that is asked now. */
  readonly retry: () => RetryPolicy;
  /** Milliseconds without a byte after which the transfer is begun anew. */
  readonly stall: number;
  readonly request: (headers: Record<string, string>, signal: AbortSignal) => Promise<HttpResponse>;
  /** Turns to the next place that has the blob; false when there is none. */
  readonly next?: ((why: unknown) => boolean) | undefined;
}

/**
 * The bytes of a blob. After a cut the rest is asked for (checklist G-33); the digest, taken over all of it by whoever
 * stores it, tells whether both halves belong together. Tries are counted anew after progress, so that a large blob
 * over a bad line arrives at last. Never yields more than its size.
 */
export async function* readBlob(
  { digest, size }: { readonly digest: Digest; readonly size: number },
  transfer: BlobTransfer,
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  let tries = countTries(transfer.retry());
  for (;;) {
    const before = received;
    try {
      for await (const chunk of bytesFrom(before, transfer)) {
        received += chunk.byteLength;
        if (received > size) throw tooLong(digest, size);
        yield chunk;
      }
      if (received >= size) return;
      throw new CutOffError(`the blob ${digest} ended after ${received} of ${size} bytes`);
    } catch (error) {
      transfer.signal.throwIfAborted();
      if (received > before) tries.progressed();
      const delay = tries.next(error);
      if (delay === undefined) {
        if (received > size || transfer.next?.(error) !== true) throw error;
        tries = countTries(transfer.retry());
        continue;
      }
      await sleep(delay, undefined, { signal: transfer.signal });
    }
  }
}

/** The blob from `offset` to its end, or to where the connection breaks or falls silent. */
async function* bytesFrom(
  offset: number,
  { request, signal, stall }: BlobTransfer,
): AsyncGenerator<Uint8Array, void, undefined> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), stall);
  try {
    const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
    const response = await request(headers, AbortSignal.any([signal, silence.signal]));
    let skip = offset - startOf(response, offset);
    for await (const chunk of bodyOf(response)) {
      timer.refresh();
      const rest = chunk.subarray(Math.min(skip, chunk.byteLength));
      skip -= chunk.byteLength - rest.byteLength;
      if (rest.byteLength > 0) yield rest;
      // Time the consumer takes is not the server's silence.
      timer.refresh();
    }
  } catch (error) {
    if (silence.signal.aborted && !signal.aborted) throw new CutOffError(`nothing came for ${stall} ms`);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Where the answer begins: a server may ignore the range and send everything again. */
function startOf(response: HttpResponse, asked: number): number {
  if (response.status !== 206) return 0;
  const start = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? asked);
  if (start <= asked) return start;
  throw new CutOffError(`the server sent bytes from ${start} on, asked for from ${asked} on`);
}

function tooLong(digest: string, size: number): TsbuildError {
  return new TsbuildError(
    'DIGEST_MISMATCH',
    `the server sends more than the ${size} bytes that ${digest} has`,
  );
}
