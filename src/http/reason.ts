import { certificateProblem } from './transport.ts';
import { CutOffError, networkCode } from './retry.ts';

const reasons = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  ENETUNREACH: 'there is no route to the network',
  EHOSTUNREACH: 'there is no route to the host',
  ETIMEDOUT: 'it did not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'it did not answer in time',
  UND_ERR_HEADERS_TIMEOUT: 'it did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'it stopped sending',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  HPE_INVALID_CONSTANT: 'it does not speak http',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak https',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak https',
  EPROTO: 'no common https protocol',
} as const;

export interface FailureReason {
  /** What went wrong: a code of the system or of the HTTP library, or one of the kinds below. */
  readonly code: keyof typeof reasons | 'certificate' | 'cut' | 'other';
  /** For people; follows `cannot fetch …: `. */
  readonly why: string;
}

/** Why no answer came, or not all of it; undefined for an error that is none of the network. */
export function failureReason(error: unknown): FailureReason | undefined {
  if (error instanceof CutOffError) return { code: 'cut', why: error.message };
  const certificate = certificateProblem(error);
  if (certificate !== undefined) {
    return { code: 'certificate', why: `its certificate is not trusted (${certificate})` };
  }
  const found = networkCode(error, Object.keys(reasons)) as keyof typeof reasons | undefined;
  const code = found === 'EPROTO' && isPlain(error) ? 'ERR_SSL_WRONG_VERSION_NUMBER' : found;
  if (code !== undefined) return { code, why: reasons[code] };
  // A request that fails is a TypeError, as fetch has it; what it was stands in the cause.
  if (!(error instanceof TypeError)) return undefined;
  return { code: 'other', why: error.cause instanceof Error ? error.cause.message : String(error) };
}

/** What OpenSSL finds in an answer while Node writes has Node's word for writes, and OpenSSL's behind it. */
function isPlain(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (/wrong version number|packet length too long/.test(at.message)) return true;
  }
  return false;
}

/** What users can do about a certificate that is not trusted. */
export const certificateHint = 'name the file of the certificate authority in NODE_EXTRA_CA_CERTS';
