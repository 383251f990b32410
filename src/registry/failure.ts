import { TsbuildError } from '../core/index.ts';
import { certificateHint, failureReason, HttpStatusError, type FailureReason } from '../http/index.ts';

export interface Asked {
  /** As users write it: `debian:12`. */
  readonly name: string;
  /** Host that was dialled. */
  readonly host: string;
}

const hints: Partial<Record<FailureReason['code'], string>> = {
  ECONNREFUSED: 'is the registry running, and is the port right?',
  ENOTFOUND: 'check the name of the registry, and the network',
  EAI_AGAIN: 'check the network and its name server',
  ENETUNREACH: 'check the network',
  EHOSTUNREACH: 'check the network',
  UND_ERR_CONNECT_TIMEOUT: 'check the network, and whether a proxy is needed',
  ERR_SSL_WRONG_VERSION_NUMBER: 'plain http is spoken to localhost only',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'plain http is spoken to localhost only',
  EPROTO: 'plain http is spoken to localhost only',
  certificate: certificateHint,
  cut: 'check the network and try again',
};

/** What a failed conversation with a registry means to a user; errors of other kinds unchanged. */
export function registryFailure(error: unknown, { name, host }: Asked): unknown {
  if (error instanceof TsbuildError) return error;
  if (error instanceof HttpStatusError) return statusFailure(error, { name, host });
  const reason = failureReason(error);
  if (reason === undefined) return error;
  return new TsbuildError('REGISTRY_UNREACHABLE', `cannot pull ${name} from ${host}: ${reason.why}`, {
    hint: hints[reason.code],
    cause: error,
  });
}

function statusFailure(error: HttpStatusError, { name, host }: Asked): TsbuildError {
  const { status, detail } = error;
  const said = detail === '' ? `status ${status}` : `${detail} (status ${status})`;
  switch (status) {
    case 401:
    case 403:
      return new TsbuildError('REGISTRY_DENIED', `${host} refused ${name}: ${said}`, {
        hint: 'the image does not exist, or it is private',
        cause: error,
      });
    case 404:
      return new TsbuildError('IMAGE_NOT_FOUND', `${host} has no image ${name}: ${said}`, {
        hint: 'check the name and the tag',
        cause: error,
      });
    case 429:
      return new TsbuildError('REGISTRY_ERROR', `${host} limits how often ${name} may be pulled: ${said}`, {
        hint: 'wait, or use a mirror',
        cause: error,
      });
    default:
      return new TsbuildError('REGISTRY_ERROR', `${host} failed on ${name}: ${said}`, {
        hint: 'the fault is on the side of the registry: try again later',
        cause: error,
      });
  }
}
