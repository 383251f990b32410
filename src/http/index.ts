export { isLoopback, isPrivateLiteral } from './hosts.ts';
export { certificateHint, failureReason, type FailureReason } from './reason.ts';
export {
  CutOffError,
  defaultRetryPolicy,
  HttpStatusError,
  networkCode,
  parseRetryAfter,
  retryDelay,
  withRetries,
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
