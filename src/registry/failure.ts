import { TsbuildError } from '../core/index.ts';
import { certificateProblem, CutOffError, HttpStatusError, networkCode } from '../http/index.ts';

export interface Asked {
  /** As users write it: `debian:12`. */
  readonly name: string;
  /** Host that was dialled. */
  readonly host: string;
}

const reasons: Readonly<Record<string, readonly [why: string, hint?: string]>> = {
  ECONNREFUSED: ['the connection was refused', 'is the registry running, and is the port right?'],
  ENOTFOUND: ['the host is not known', 'check the name of the registry, and the network'],
  EAI_AGAIN: ['the host name could not be looked up', 'check the network and its name server'],
  ENETUNREACH: ['there is no route to the network', 'check the network'],
  EHOSTUNREACH: ['there is no route to the host', 'check the network'],
  ETIMEDOUT: ['it did not answer in time'],
  UND_ERR_CONNECT_TIMEOUT: ['it did not answer in time', 'check the network, and whether a proxy is needed'],
  UND_ERR_HEADERS_TIMEOUT: ['it did not answer in time'],
  UND_ERR_BODY_TIMEOUT: ['it stopped sending'],
  ECONNRESET: ['the connection was cut'],
  EPIPE: ['the connection was cut'],
  UND_ERR_SOCKET: ['the connection was cut'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['it does not speak https', 'plain http is spoken to localhost only'],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ['it does not speak https', 'plain http is spoken to localhost only'],
  EPROTO: ['no common https protocol', 'plain http is spoken to localhost only'],
};

/** What a failed conversation with a registry means to a user; errors of other kinds unchanged. */
export function registryFailure(error: unknown, { name, host }: Asked): unknown {
  if (error instanceof TsbuildError) return error;
  if (error instanceof HttpStatusError) return statusFailure(error, { name, host });
  const fail = (why: string, hint?: string): TsbuildError =>
    new TsbuildError('REGISTRY_UNREACHABLE', `cannot pull ${name} from ${host}: ${why}`, {
      hint,
      cause: error,
    });
  if (error instanceof CutOffError) return fail(error.message, 'check the network and try again');
  const certificate = certificateProblem(error);
  if (certificate !== undefined) {
    return fail(
      `its certificate is not trusted (${certificate})`,
      'name the file of the certificate authority in NODE_EXTRA_CA_CERTS',
    );
  }
  const code = networkCode(error, Object.keys(reasons));
  const [why, hint] = (code === undefined ? undefined : reasons[code]) ?? [];
  if (why !== undefined) return fail(why, hint);
  if (error instanceof TypeError || networkCode(error, []) !== undefined) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return fail(cause);
  }
  return error;
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
      return new TsbuildError('REGISTRY_ERROR', `${host} failed on ${name}: ${said}`, { cause: error });
  }
}
