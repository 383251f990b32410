import { TsbuildError } from '../core/index.ts';
import { certificateHint, failureReason, HttpStatusError, type FailureReason } from '../http/index.ts';

export interface Asked {
  /** As users write it: `debian:12`. */
  readonly name: string;
  /** Host that was dialled. */
  readonly host: string;
  /** What was tried; a pull unless told. */
  readonly doing?: 'pull' | 'push' | 'delete' | 'log in' | undefined;
}

const attempts = {
  pull: (name: string) => `pull ${name} from`,
  push: (name: string) => `push ${name} to`,
  delete: (name: string) => `delete ${name} from`,
  'log in': () => 'log in to',
} as const;

const past = { pull: 'pulled', push: 'pushed', delete: 'deleted', 'log in': 'asked for' } as const;

const plainHttpHint = 'plain http is spoken to localhost, and to hosts named by --insecure-registry';

const hints: Partial<Record<FailureReason['code'], string>> = {
  ECONNREFUSED: 'is the registry running, and is the port right?',
  ENOTFOUND: 'check the name of the registry, and the network',
  EAI_AGAIN: 'check the network and its name server',
  ENETUNREACH: 'check the network',
  EHOSTUNREACH: 'check the network',
  ETIMEDOUT: 'check the network, and whether a proxy is needed',
  UND_ERR_CONNECT_TIMEOUT: 'check the network, and whether a proxy is needed',
  ERR_SSL_WRONG_VERSION_NUMBER: plainHttpHint,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: plainHttpHint,
  EPROTO: plainHttpHint,
  cut: 'check the network and try again',
};

/** What a failed conversation with a registry means to a user; errors of other kinds unchanged. */
export function registryFailure(error: unknown, asked: Asked): unknown {
  const { name, host, doing = 'pull' } = asked;
  if (error instanceof TsbuildError) return error;
  if (doing === 'log in' && error instanceof HttpStatusError && [401, 403].includes(error.status)) {
    return new TsbuildError('REGISTRY_DENIED', `${host} does not accept this user and password`, {
      cause: error,
    });
  }
  if (error instanceof HttpStatusError) return statusFailure(error, asked);
  const reason = failureReason(error);
  if (reason === undefined) return error;
  return new TsbuildError('REGISTRY_UNREACHABLE', `cannot ${attempts[doing](name)} ${host}: ${reason.why}`, {
    hint: reason.code === 'certificate' ? certificateAdvice(reason.why, host) : hints[reason.code],
    cause: error,
  });
}

function statusFailure(error: HttpStatusError, { name, host, doing = 'pull' }: Asked): TsbuildError {
  const { status, detail } = error;
  const said = detail === '' ? `status ${status}` : `${detail} (status ${status})`;
  switch (status) {
    case 401:
    case 403:
      return new TsbuildError('REGISTRY_DENIED', `${host} refused ${name}: ${said}`, {
        hint:
          doing === 'pull'
            ? `the image does not exist, or it is private: tsbuild login ${host} gives credentials`
            : `check that the user of tsbuild login ${host} may ${doing} there`,
        cause: error,
      });
    case 404:
      if (doing !== 'pull' && doing !== 'delete') break;
      return new TsbuildError('IMAGE_NOT_FOUND', `${host} has no image ${name}: ${said}`, {
        hint: 'check the name and the tag',
        cause: error,
      });
    case 429:
      return new TsbuildError(
        'REGISTRY_ERROR',
        `${host} limits how often ${name} may be ${past[doing]}: ${said}`,
        {
          hint: limitsHint(error, doing),
          cause: error,
        },
      );
  }
  const isDamaged = /DIGEST_INVALID|BLOB_UPLOAD_INVALID/.test(detail);
  return new TsbuildError('REGISTRY_ERROR', `${host} failed on ${name}: ${said}`, {
    hint: isDamaged
      ? 'what arrived is not what was sent: tsbuild fsck looks whether the store is damaged'
      : 'the fault is on the side of the registry: try again later',
    cause: error,
  });
}

/** What the registry says about its limits, in words (checklist G-43). */
function limitsHint({ limits, retryAfter }: HttpStatusError, doing: Asked['doing']): string {
  const { limit, remaining, window } = limits ?? {};
  const said = [
    limit === undefined
      ? undefined
      : `its limit is ${limit}${window === undefined ? '' : ` in ${duration(window)}`}`,
    remaining === undefined ? undefined : `${remaining} remain`,
    retryAfter === undefined ? undefined : `it asks to wait ${duration(Math.ceil(retryAfter / 1000))}`,
  ].filter((part) => part !== undefined);
  const advice = doing === 'push' || doing === 'delete' ? 'wait' : 'wait, log in, or use a mirror';
  return said.length === 0 ? advice : `${said.join(', ')}: ${advice}`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function certificateAdvice(why: string, host: string): string {
  if (/EXPIRED|NOT_YET/.test(why))
    return "is this machine's clock right? else the registry needs a new certificate";
  if (why.includes('ALTNAME')) return 'use a name of the registry that its certificate has';
  return `${certificateHint}, or copy it to /etc/containers/certs.d/${host}/ca.crt`;
}
