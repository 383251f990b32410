export { readBlob, type BlobTransfer } from './download.ts';
export type { HttpResponse } from './exchange.ts';
export type { TlsSettings } from './fetch.ts';
export { isLoopback, isPrivateLiteral } from './hosts.ts';
export { certificateHint, failureReason, type FailureReason } from './reason.ts';
export {
  countTries,
  CutOffError,
  defaultRetryPolicy,
  HttpStatusError,
  networkCode,
  parseRetryAfter,
  withRetries,
  type RateLimits,
  type RetryPolicy,
} from './retry.ts';
export {
  bodyOf,
  certificateProblem,
  discard,
  get,
  readBody,
  send,
  statusError,
  type HttpBody,
  type HttpRequest,
  type HttpSending,
} from './transport.ts';
