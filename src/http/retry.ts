import { setTimeout as sleep } from 'node:timers/promises';

import { isErrno, TsbuildError } from '../core/index.ts';
import type { HttpResponse } from './exchange.ts';

export interface RetryPolicy {
  /** In all, the first one included. */
  readonly tries: number;
  /** Milliseconds before the second try; doubles each time, up to `longest`. */
  readonly first: number;
  readonly longest: number;
  /** Milliseconds: a server's Retry-After beyond this ends the tries instead. */
  readonly patience: number;
  /** Milliseconds of waiting in all, however much progress there is in between; five minutes unless told. */
  readonly budget?: number | undefined;
}

export const defaultRetryPolicy: RetryPolicy = { tries: 6, first: 500, longest: 10_000, patience: 60_000 };
const defaultBudget = 300_000;

/** An answer whose status is worth another try (checklist G-32). */
export const retryStatuses: ReadonlySet<number> = new Set([408, 429, 499, 500, 502, 503, 504, 522]);

/** An answer that is not a success. Internal: it leaves the room as a TsbuildError. */
export class HttpStatusError extends Error {
  readonly status: number;
  /** Code and text of the registry's error body, cleaned and cut (checklist G-35). */
  readonly detail: string;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
  readonly limits: RateLimits | undefined;

  constructor(answer: {
    readonly status: number;
    readonly detail: string;
    readonly retryAfter?: number | undefined;
    readonly limits?: RateLimits | undefined;
  }) {
    super(`status ${answer.status}`);
    this.status = answer.status;
    this.detail = answer.detail;
    this.retryAfter = answer.retryAfter;
    this.limits = answer.limits;
  }
}

/** How often one may ask, where the server says so (checklist G-43). */
export interface RateLimits {
  readonly limit: number | undefined;
  readonly remaining: number | undefined;
  /** Seconds in which `limit` is counted. */
  readonly window: number | undefined;
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

/** The tries of one task. */
export interface Tries {
  /** Failures since the last progress. */
  readonly failed: number;
  /** After a failure: milliseconds to wait before another try, or undefined when there is none to make. */
  next(error: unknown): number | undefined;
  /** Something arrived: failures are counted anew. What was waited is not given back. */
  progressed(): void;
}

export function countTries(policy: RetryPolicy): Tries {
  const { budget = defaultBudget } = policy;
  let failed = 0;
  let waited = 0;
  return {
    get failed() {
      return failed;
    },
    next(error) {
      failed += 1;
      const delay = retryDelay(error, failed, policy);
      if (delay === undefined || waited + delay > budget) return undefined;
      waited += delay;
      return delay;
    },
    progressed() {
      failed = 0;
    },
  };
}

function retryDelay(error: unknown, failed: number, policy: RetryPolicy): number | undefined {
  if (failed >= policy.tries || !isPassing(error)) return undefined;
  const asked = error instanceof HttpStatusError ? error.retryAfter : undefined;
  if (asked !== undefined && asked > policy.patience) return undefined;
  // Jitter keeps a build farm's machines from coming back all at once; never before the time that was asked for.
  const own = Math.min(policy.longest, policy.first * 2 ** (failed - 1));
  return asked === undefined
    ? own * (0.5 + Math.random() / 2)
    : asked + Math.random() * Math.min(own, asked / 10);
}

export async function withRetries<T>(
  task: () => Promise<T>,
  { policy, signal }: { readonly policy: RetryPolicy; readonly signal: AbortSignal },
): Promise<T> {
  const tries = countTries(policy);
  for (;;) {
    try {
      return await task();
    } catch (error) {
      signal.throwIfAborted();
      const delay = tries.next(error);
      if (delay === undefined) throw error;
      await sleep(delay, undefined, { signal });
    }
  }
}

/** The headers `ratelimit-limit: 100;w=21600` and `ratelimit-remaining` of Docker Hub and others. */
export function parseRateLimits(headers: HttpResponse['headers']): RateLimits | undefined {
  const number = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text);
  const said = headers.get('ratelimit-limit');
  const limit = number(/^\s*(\d{1,9})(?!\d)/.exec(said ?? '')?.[1]);
  const window = number(/;\s*w=(\d{1,9})(?!\d)/.exec(said ?? '')?.[1]);
  const remaining = number(/^\s*(\d{1,9})(?!\d)/.exec(headers.get('ratelimit-remaining') ?? '')?.[1]);
  return limit === undefined && remaining === undefined ? undefined : { limit, remaining, window };
}

/** Milliseconds of a Retry-After header: seconds or a date (RFC 9110 section 10.2.3). */
export function parseRetryAfter(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  // Date.parse takes a mere number for a year.
  const date = /^\s*[A-Z][a-z]{2,8},? /.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
