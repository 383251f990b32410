import { setTimeout as sleep } from 'node:timers/promises';

import type { Digest } from '../core/index.ts';
import {
  countTries,
  CutOffError,
  discard,
  HttpStatusError,
  withRetries,
  type RetryPolicy,
  type HttpResponse,
} from '../http/index.ts';
import { withDeadline } from './conversation.ts';
import { sendBytes, type SendingWork } from './send-bytes.ts';
import { sendWhole } from './single-post.ts';
import { algorithmQuery, offsetOf, sessionOf, type Session } from './upload-session.ts';

/** A blob that can be read from anywhere, as often as it takes. */
export interface BlobSource {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** The bytes from `start` up to `end`, which is not included. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

export interface UploadWork extends SendingWork {
  readonly retry: RetryPolicy;
  /** Largest piece that is sent in one request, in bytes. */
  readonly chunk: number;
  /** Repositories of this registry that may have the blob. */
  readonly mounts: readonly string[];
}

export type Arrival = 'present' | 'mounted' | 'sent';

/** Whether the repository has the blob (end-2). */
export async function hasBlob(
  digest: Digest,
  { conversation, ...work }: Pick<UploadWork, 'conversation' | 'signal' | 'stall'>,
): Promise<boolean> {
  try {
    await withDeadline(work, async (signal) => {
      await discard(await conversation.request(`blobs/${digest}`, { method: 'HEAD', signal }));
    });
    return true;
  } catch (error) {
    if (error instanceof HttpStatusError && error.status === 404) return false;
    throw error;
  }
}

/**
 * Brings a blob into the repository: it is there, or another repository lends it, or it is sent, whole when small and
 * else in pieces. After a failure the registry is asked how far it got, and goes on there (G-33). Tries are counted
 * anew after progress. `begun` is a session that has some of it already, and has just said how much.
 */
export async function pushBlob(source: BlobSource, work: UploadWork, begun?: Session): Promise<Arrival> {
  let session = begun;
  let isSure = begun !== undefined;
  let best = 0;
  let doubted = false;
  const tries = countTries(work.retry);
  for (;;) {
    try {
      // Also after a failure: the answer may be what was lost.
      if (!isSure && (await hasBlob(source.digest, work))) return session === undefined ? 'present' : 'sent';
      if (!isSure) session = session && (await whereItStands(session, work));
      isSure = false;
      if (session !== undefined && session.offset > source.size) session = undefined;
      if (session === undefined) {
        const begun = await begin(source, work);
        if (begun === 'mounted' || begun === 'sent') return begun;
        session = begun;
      }
      while (source.size - session.offset > Math.max(work.chunk, session.least)) {
        session = await sendPiece(source, session, work);
        if (session.offset > best) tries.progressed();
        best = Math.max(best, session.offset);
      }
      await finish(source, session, work);
      return 'sent';
    } catch (error) {
      work.signal.throwIfAborted();
      // What arrived in pieces is not what was sent: once more, from the start.
      const isSpoilt =
        error instanceof HttpStatusError && error.status === 400 && session !== undefined && !doubted;
      if (isSpoilt) {
        doubted = true;
        session = undefined;
      }
      const delay = tries.next(isSpoilt ? new CutOffError('damaged') : asPassing(error));
      if (delay === undefined) throw error;
      await sleep(delay, undefined, { signal: work.signal });
    }
  }
}

/** Whether another repository lends the blob; nothing is sent. */
export async function mountBlob(digest: Digest, work: UploadWork): Promise<boolean> {
  if (work.mounts.length === 0) return false;
  return withRetries(async () => (await lent(digest, work)) === 'mounted', {
    policy: work.retry,
    signal: work.signal,
  });
}

/** A session that is gone or stands elsewhere is no lasting failure: it is asked for, or begun anew. */
function asPassing(error: unknown): unknown {
  const lost = error instanceof HttpStatusError && [404, 416].includes(error.status);
  return lost ? new CutOffError(error.detail || `status ${error.status}`, { cause: error }) : error;
}

/** A session for a blob whose digest is not known yet. */
export async function beginUpload(work: UploadWork): Promise<Session> {
  return sessionOf(await small('blobs/uploads/', 'POST', work), 0);
}

/** Sends what comes in one request, of which nothing is repeated. */
export async function sendStream(
  bytes: AsyncIterable<Uint8Array>,
  { location }: Session,
  work: UploadWork,
): Promise<Session> {
  let size = 0;
  let isOpen = false;
  const read = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    // Asked for it a second time (a redirect, a token that ran out), there is no beginning any more.
    if (isOpen) throw new CutOffError('the bytes are gone');
    isOpen = true;
    for await (const chunk of bytes) {
      size += chunk.byteLength;
      yield chunk;
    }
  };
  const response = await sendBytes({ location, start: 0, method: 'PATCH', headers: {}, read }, work);
  const reached = offsetOf(response) ?? size;
  if (reached > size) throw new CutOffError(`the registry stands at byte ${reached}, was sent ${size}`);
  return sessionOf(response, reached);
}

/** A new session; or none, where another repository lends the blob or it was small enough to go along (end-4a, end-4b, end-11). */
async function begin(source: BlobSource, work: UploadWork): Promise<Session | 'mounted' | 'sent'> {
  const answer = (await lent(source.digest, work)) ?? (await sendWhole(source, work));
  if (answer !== undefined) return answer;
  const query = new URLSearchParams(algorithmQuery(source.digest)).toString();
  return sessionOf(await small(`blobs/uploads/${query && `?${query}`}`, 'POST', work), 0);
}

/** A registry that cannot lend it answers with the session for sending it. */
async function lent(digest: Digest, work: UploadWork): Promise<Session | 'mounted' | undefined> {
  let session: Session | undefined;
  for (const from of work.mounts) {
    const query = new URLSearchParams({ mount: digest, from, ...algorithmQuery(digest) });
    try {
      const response = await small(`blobs/uploads/?${query.toString()}`, 'POST', work);
      if (response.status === 201) return 'mounted';
      session = sessionOf(response, 0);
    } catch (error) {
      // May be a repository the user cannot read, or that is gone: that is a reason to send, not to fail.
      if (!(error instanceof HttpStatusError) || ![400, 401, 403, 404, 405].includes(error.status))
        throw error;
    }
  }
  return session;
}

/** end-13; undefined when the registry no longer knows of it, or does not say clearly. */
async function whereItStands(session: Session, work: UploadWork): Promise<Session | undefined> {
  try {
    const response = await small(session.location, 'GET', work);
    const offset = offsetOf(response);
    // Both none and one byte are `0-0`.
    return offset === undefined || offset <= 1 ? undefined : sessionOf(response, offset, session);
  } catch (error) {
    if (error instanceof HttpStatusError && error.status < 500 && error.status !== 429) return undefined;
    throw error;
  }
}

async function sendPiece(source: BlobSource, session: Session, work: UploadWork): Promise<Session> {
  const { offset, location, least } = session;
  const end = Math.min(source.size, offset + Math.max(work.chunk, least));
  const headers = { 'content-range': `${offset}-${end - 1}` };
  const response = await sendBytes(
    { location, start: offset, end, method: 'PATCH', headers, read: () => source.read(offset, end) },
    work,
  );
  const reached = offsetOf(response) ?? end;
  if (reached <= offset || reached > end) {
    throw new CutOffError(`the registry stands at byte ${reached}, was sent ${offset} to ${end}`);
  }
  return sessionOf(response, reached, session);
}

async function finish(source: BlobSource, { location, offset }: Session, work: UploadWork): Promise<void> {
  const url = new URL(location);
  url.searchParams.set('digest', source.digest);
  const headers: Record<string, string> = { 'content-range': `${offset}-${source.size - 1}` };
  if (offset === 0 || offset === source.size) delete headers['content-range'];
  const end = source.size;
  await sendBytes(
    { location: url, start: offset, end, method: 'PUT', headers, read: () => source.read(offset, end) },
    work,
  );
}

async function small(path: string | URL, method: 'POST' | 'GET', work: UploadWork): Promise<HttpResponse> {
  return withDeadline(work, async (signal) => {
    const response = await work.conversation.request(path, { method, signal });
    await discard(response);
    return response;
  });
}
