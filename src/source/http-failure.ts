import { redactUrl, TsbuildError } from '../core/index.ts';
import { certificateHint, failureReason, HttpStatusError, type FailureReason } from '../http/index.ts';

const hints: Partial<Record<FailureReason['code'], string>> = {
  ECONNREFUSED: 'is the server running, and is the port right?',
  ENOTFOUND: 'check the host name, and the network',
  EAI_AGAIN: 'check the network and its name server',
  ENETUNREACH: 'check the network',
  EHOSTUNREACH: 'check the network',
  ETIMEDOUT: 'check the network, and whether a proxy is needed (HTTPS_PROXY)',
  UND_ERR_CONNECT_TIMEOUT: 'check the network, and whether a proxy is needed (HTTPS_PROXY)',
  ERR_SSL_WRONG_VERSION_NUMBER: 'if the server speaks plain http, write http://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'if the server speaks plain http, write http://',
  EPROTO: 'if the server speaks plain http, write http://',
  cut: 'check the network and try again',
};

/** What a failed fetch of a URL means to a user; errors of other kinds unchanged. */
export function httpFailure(error: unknown, url: string): unknown {
  if (error instanceof TsbuildError) return error;
  const shown = redactUrl(url);
  if (error instanceof HttpStatusError) return statusFailure(error, shown);
  const reason = failureReason(error);
  if (reason === undefined) return error;
  return new TsbuildError('SOURCE_UNREACHABLE', `cannot fetch ${shown}: ${reason.why}`, {
    hint: reason.code === 'certificate' ? certificateHint : hints[reason.code],
    cause: error,
  });
}

function statusFailure(error: HttpStatusError, shown: string): TsbuildError {
  const { status, detail } = error;
  const said = detail === '' ? `status ${status}` : `${detail} (status ${status})`;
  const details = { cause: error };
  switch (status) {
    case 401:
    case 403:
      return new TsbuildError('SOURCE_DENIED', `access to ${shown} was refused: ${said}`, {
        hint: 'give a token as the secret HTTP_AUTH_TOKEN_<host>, or a whole header as HTTP_AUTH_HEADER_<host>',
        ...details,
      });
    case 404:
    case 410:
      return new TsbuildError('SOURCE_NOT_FOUND', `there is nothing at ${shown}: ${said}`, {
        hint: 'check the URL',
        ...details,
      });
    case 429:
      return new TsbuildError('SOURCE_UNREACHABLE', `${shown} may not be fetched this often: ${said}`, {
        hint: 'wait, and try again',
        ...details,
      });
    default:
      return new TsbuildError('SOURCE_UNREACHABLE', `cannot fetch ${shown}: ${said}`, details);
  }
}
