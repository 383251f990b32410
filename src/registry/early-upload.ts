import type { Session } from './upload-session.ts';
import { beginUpload, sendStream, type UploadWork } from './upload.ts';
import { waitingStream, type EarlyBytes } from './waiting-bytes.ts';

/** An upload that goes on while its bytes are made, so that neither digest nor size is known yet. */
export interface EarlyUpload extends EarlyBytes {
  /** No more bytes come. Where the upload stands then; undefined where it failed: the bytes are kept, and can be sent. */
  end(): Promise<Session | undefined>;
  /** Nobody wants it any more. */
  abandon(): Promise<void>;
}

/**
 * One PATCH whose length nobody knows, as Docker and buildah send all layers. It is tried once and its failure is no
 * failure of the push: a registry or a proxy that wants lengths gets the blob afterwards, in the usual way.
 */
export function beginEarlyUpload(work: UploadWork): EarlyUpload {
  const { stream, write } = waitingStream();
  const stopped = new AbortController();
  const signal = AbortSignal.any([work.signal, stopped.signal]);
  const sending = beginUpload({ ...work, signal })
    .then(async (session) => sendStream(stream, session, { ...work, signal }))
    .catch(() => undefined)
    .finally(() => stream.destroy());
  return {
    write,
    async end() {
      stream.end();
      return sending;
    },
    async abandon() {
      stopped.abort();
      await sending;
    },
  };
}
