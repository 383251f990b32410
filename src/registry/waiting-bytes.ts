import { once } from 'node:events';
import { PassThrough } from 'node:stream';

/** Takes bytes on the way to where they are kept. */
export interface EarlyBytes {
  /** Resolves when more may come; never fails. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
}

/** What is there ahead of who reads it. */
const waitingBytes = 4 * 2 ** 20;

/** A stream, and the way into it: once the stream is destroyed bytes go nowhere, and whoever brings them goes on. */
export function waitingStream(): EarlyBytes & { readonly stream: PassThrough } {
  const stream = new PassThrough({ highWaterMark: waitingBytes });
  const closed = once(stream, 'close').catch(() => undefined);
  return {
    stream,
    async write(bytes) {
      if (stream.destroyed || stream.write(bytes)) return;
      await Promise.race([once(stream, 'drain'), closed]).catch(() => undefined);
    },
  };
}
