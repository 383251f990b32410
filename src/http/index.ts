export { isLoopback, isPrivateLiteral } from './hosts.ts';
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
export { bodyOf, certificateProblem, discard, get, readBody, statusError } from './transport.ts';
