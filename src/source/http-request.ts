import { redactUrl, TsbuildError } from '../core/index.ts';
import type { HttpRequest } from '../http/index.ts';

/** A secret of the build by its id; undefined when there is none. */
export type SecretLookup = (id: string) => Buffer | undefined;

export interface PreparedRequest {
  /** Without user information: fetch takes no URL with it, and an error could show it. */
  readonly url: URL;
  readonly headers: HttpRequest['headers'];
  readonly plainHttp: HttpRequest['plainHttp'];
}

/**
 * What to ask for, and with what credentials: a secret of the host before the user information of the URL, a token
 * before a header (L-176). Throws SOURCE_INVALID, SECRET_INVALID.
 */
export function prepareRequest(text: string, secret: SecretLookup): PreparedRequest {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new TsbuildError('SOURCE_INVALID', `${redactUrl(text)} is not an http or https URL`);
  }
  const authorization = secretHeader(url, secret) ?? userHeader(url);
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return {
    url: bare,
    headers: authorization === undefined ? {} : { authorization },
    // Who writes http:// knows; a redirect of https never leads there.
    plainHttp: url.protocol === 'http:' ? 'any' : 'loopback',
  };
}

function secretHeader(url: URL, secret: SecretLookup): string | undefined {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const [tokenId, headerId] = [`HTTP_AUTH_TOKEN_${host}`, `HTTP_AUTH_HEADER_${host}`];
  const token = headerValue(tokenId, secret(tokenId));
  return token === undefined ? headerValue(headerId, secret(headerId)) : `Bearer ${token}`;
}

/** Checked here, since fetch would put a value that it refuses into its message. */
function headerValue(id: string, secret: Buffer | undefined): string | undefined {
  if (secret === undefined) return undefined;
  // Files end with a line end, whatever their author meant.
  const value = secret.toString('latin1').trim();
  if (/^[\t\x20-\x7e\x80-\xff]+$/.test(value)) return value;
  throw new TsbuildError('SECRET_INVALID', `the secret ${id} cannot be sent: it is empty or has line ends`, {
    hint: 'the secret is the token, or the value of the Authorization header, on one line',
  });
}

function userHeader({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  return `Basic ${Buffer.from(`${plain(username)}:${plain(password)}`).toString('base64')}`;
}

function plain(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
