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
  statusError,
  type HttpRequest,
} from './transport.ts';
