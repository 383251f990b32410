import { setTimeout as sleep } from 'node:timers/promises';

import { isErrno, TsbuildError } from '../core/index.ts';

export interface RetryPolicy {
  /** In all, the first one included. */
  readonly tries: number;
  /** Milliseconds before the second try; doubles each time, up to `longest`. */
  readonly first: number;
  readonly longest: number;
  /** Milliseconds: a server's Retry-After beyond this ends the tries instead. */
  readonly patience: number;
}

export const defaultRetryPolicy: RetryPolicy = { tries: 6, first: 500, longest: 10_000, patience: 60_000 };

/** An answer whose status is worth another try (checklist G-32). */
export const retryStatuses: ReadonlySet<number> = new Set([408, 429, 499, 500, 502, 503, 504, 522]);

/** An answer that is not a success. Internal: it leaves the room as a TsbuildError. */
export class HttpStatusError extends Error {
  readonly status: number;
  /** Code and text of the registry's error body, cleaned and cut (checklist G-35). */
  readonly detail: string;
  readonly retryAfter: number | undefined;

  constructor(answer: { status: number; detail: string; retryAfter?: number | undefined }) {
    super(`status ${answer.status}`);
    this.status = answer.status;
    this.detail = answer.detail;
    this.retryAfter = answer.retryAfter;
  }
}

/** Content that ended early: tried again where it stopped. */
export class CutOffError extends Error {}

const passing = [
  ...[
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EAI_AGAIN',
    'ENETUNREACH',
    'EHOSTUNREACH',
    'ERR_STREAM_PREMATURE_CLOSE',
  ],
  ...['UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
  'HPE_INVALID_EOF_STATE',
];

/** Whether the same request may do better. A refused connection, an unknown host or a bad certificate will not. */
export function isPassing(error: unknown): boolean {
  if (error instanceof TsbuildError) return false;
  if (error instanceof CutOffError) return true;
  if (error instanceof HttpStatusError) return retryStatuses.has(error.status);
  return networkCode(error, passing) !== undefined;
}

/** The first of the codes that the error or one of its causes has: fetch wraps what went wrong once or twice. */
export function networkCode(error: unknown, codes: readonly string[]): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (isErrno(at, ...codes)) return at.code;
    if (at instanceof AggregateError && at.errors.length > 0) {
      const code = networkCode(at.errors[0], codes);
      if (code !== undefined) return code;
    }
  }
  return undefined;
}

/** Milliseconds to wait before another try, or undefined when there is none to make. `failed` counts from 1. */
export function retryDelay(error: unknown, failed: number, policy: RetryPolicy): number | undefined {
  if (failed >= policy.tries || !isPassing(error)) return undefined;
  const asked = error instanceof HttpStatusError ? error.retryAfter : undefined;
  if (asked !== undefined) return asked > policy.patience ? undefined : asked;
  // Jitter keeps a build farm's machines from coming back all at once.
  return Math.min(policy.longest, policy.first * 2 ** (failed - 1)) * (0.5 + Math.random() / 2);
}

export async function withRetries<T>(
  task: () => Promise<T>,
  { policy, signal }: { readonly policy: RetryPolicy; readonly signal: AbortSignal },
): Promise<T> {
  for (let failed = 1; ; failed += 1) {
    try {
      return await task();
    } catch (error) {
      signal.throwIfAborted();
      const delay = retryDelay(error, failed, policy);
      if (delay === undefined) throw error;
      await sleep(delay, undefined, { signal });
    }
  }
}

/** Milliseconds of a Retry-After header: seconds or a date (RFC 9110 section 10.2.3). */
export function parseRetryAfter(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
