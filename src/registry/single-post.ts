import { isDigest, TsbuildError } from '../core/index.ts';
import { HttpStatusError, type HttpResponse } from '../http/index.ts';
import type { Conversation } from './conversation.ts';
import { sendBytes } from './send-bytes.ts';
import type { BlobSource, UploadWork } from './upload.ts';
import { algorithmQuery, sessionOf, type Session } from './upload-session.ts';

/** Bytes. More than this is not worth sending twice where the registry looks at none of it. */
const smallest = 64 * 1024;

/** What was learned of registries while a conversation lasted. */
const refusing = new WeakSet<Conversation>();

/**
 * A small blob in one request (end-4b). A registry that does not do so answers with a session, as if there had been no
 * bytes; a session is then begun with no further request than without the try, and the rest of the conversation is spared it. Undefined
 * where it is not tried, or was refused.
 */
export async function sendWhole(source: BlobSource, work: UploadWork): Promise<Session | 'sent' | undefined> {
  const { conversation, chunk } = work;
  const { digest, size } = source;
  if (size > Math.min(smallest, chunk) || refusing.has(conversation)) return undefined;
  const query = new URLSearchParams({ digest, ...algorithmQuery(digest) });
  const path = `blobs/uploads/?${query.toString()}`;
  const read = (): AsyncIterable<Uint8Array> => source.read(0, size);
  try {
    const sending = { location: path, start: 0, end: size, method: 'POST', headers: {}, read } as const;
    // What may have to go again is counted once it has arrived.
    const response = await sendBytes(sending, { ...work, onBytes: () => undefined });
    if (response.status === 201) return arrived(response, source, work);
    refusing.add(conversation);
    return sessionOf(response, 0);
  } catch (error) {
    // Whatever went wrong, the usual way may do: proxies and registries that expect no body there are no reason to fail.
    refusing.add(conversation);
    if (error instanceof HttpStatusError && wantsNoBody.has(error.status)) return undefined;
    throw error;
  }
}

/** Whether they say it of the bytes or of the push, the next request shows. */
const wantsNoBody: ReadonlySet<number> = new Set([400, 403, 404, 405, 411, 413, 415, 422, 501]);

function arrived(response: HttpResponse, { digest, size }: BlobSource, { onBytes }: UploadWork): 'sent' {
  const claimed = response.headers.get('docker-content-digest');
  const isOther = claimed !== null && claimed !== digest && algorithmOf(claimed) === algorithmOf(digest);
  if (!isOther) {
    onBytes(size, size);
    return 'sent';
  }
  throw new TsbuildError(
    'DIGEST_MISMATCH',
    `the registry calls the blob ${claimed.slice(0, 100)}, it is ${digest}`,
    {
      hint: 'the registry, or a proxy on the way, changes what is pushed',
    },
  );
}

/** A registry may say its own canonical digest of what was sent under another algorithm's. */
function algorithmOf(claimed: string): string {
  return isDigest(claimed) ? claimed.slice(0, claimed.indexOf(':')) : '';
}
