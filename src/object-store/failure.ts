import { TsbuildError } from '../core/index.ts';
import { certificateHint, CutOffError, failureReason, HttpStatusError } from '../http/index.ts';
import type { Service } from './exchange.ts';
import type { Blob } from './types.ts';

/** Carries out a task; what fails there leaves as an error for users. */
export async function telling<T>(service: Service, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw serviceFailure(error, service);
  }
}

/** The bytes of a blob. Throws BLOB_NOT_FOUND where the service has it no more. */
export async function* tellingBlob(
  service: Service,
  { digest }: Blob,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* bytes;
  } catch (error) {
    if (error instanceof HttpStatusError && error.status === 404)
      throw new TsbuildError('BLOB_NOT_FOUND', `${service.name} no longer has the blob ${digest}`);
    throw serviceFailure(error, service);
  }
}

/** What a failed conversation means to a user; errors of other kinds unchanged. */
function serviceFailure(error: unknown, { name, signal }: Service): unknown {
  if (error instanceof TsbuildError) return error;
  if (signal.aborted) return new TsbuildError('INTERRUPTED', `${name} is not waited for`, { cause: error });
  if (error instanceof HttpStatusError) return statusFailure(error, name);
  const reason = failureReason(error);
  if (reason === undefined) return error;
  return new TsbuildError('CACHE_SERVICE_UNREACHABLE', `cannot speak to ${name}: ${reason.why}`, {
    hint: reason.code === 'certificate' ? certificateHint : 'check its address, the network and the proxy',
    cause: error,
  });
}

function statusFailure(error: HttpStatusError, name: string): TsbuildError {
  const { status, detail, retryAfter } = error;
  const said = detail === '' ? `status ${status}` : `${detail} (status ${status})`;
  switch (status) {
    case 401:
    case 403:
      return new TsbuildError('CACHE_SERVICE_DENIED', `${name} refused: ${said}`, {
        hint: 'check the credentials, what they may do there, and the clock of this machine',
        cause: error,
      });
    case 404:
      return new TsbuildError('CACHE_SERVICE_ERROR', `${name} does not have what was asked for: ${said}`, {
        hint: 'check its address and names',
        cause: error,
      });
    case 429: {
      const wait = retryAfter === undefined ? '' : `, and asks to wait ${Math.ceil(retryAfter / 1000)} s`;
      return new TsbuildError('CACHE_SERVICE_ERROR', `${name} limits how often it is asked: ${said}${wait}`, {
        hint: 'fewer layers (mode=min) or fewer jobs at once ask less',
        cause: error,
      });
    }
    case 301:
    case 302:
    case 307:
    case 308:
      return new TsbuildError('CACHE_SERVICE_ERROR', `${name} is elsewhere: ${said}`, {
        hint: 'check the region and the address: a signed request is not sent on to another host',
        cause: error,
      });
    default:
      return new TsbuildError('CACHE_SERVICE_ERROR', `${name} failed: ${said}`, {
        hint: 'the fault may be on its side: try again later, or write caches with ignore-error=true',
        cause: error,
      });
  }
}

/** What a timer of Node takes. */
const longestTimer = 2 ** 31 - 1;

/** The task with an end: when it takes longer than `timeout` milliseconds, it has failed. */
export async function within<T>(
  service: Service,
  timeout: number,
  task: (service: Service) => Promise<T>,
): Promise<T> {
  const limit = limitOf(service, timeout);
  try {
    return await task(limit.timed);
  } catch (error) {
    throw limit.reason(error);
  }
}

/** The same of bytes that come. */
export async function* bytesWithin(
  service: Service,
  timeout: number,
  open: (service: Service) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const limit = limitOf(service, timeout);
  try {
    yield* open(limit.timed);
  } catch (error) {
    throw limit.reason(error);
  }
}

function limitOf(
  service: Service,
  timeout: number,
): { readonly timed: Service; readonly reason: (error: unknown) => unknown } {
  const deadline = AbortSignal.timeout(Math.min(timeout, longestTimer));
  const signal = AbortSignal.any([service.signal, deadline]);
  return {
    timed: { ...service, signal },
    reason: (error) =>
      !deadline.aborted || service.signal.aborted
        ? error
        : new CutOffError(`it took longer than ${Math.round(timeout / 1000)} s`, { cause: error }),
  };
}
