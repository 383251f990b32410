import * as z from 'zod/mini';

import { TsbuildError } from '../core/index.ts';
import {
  discard,
  get,
  readBody,
  send,
  statusError,
  type HttpRequest,
  type HttpResponse,
} from '../http/index.ts';
import { checkRealm, parseChallenges } from './challenge.ts';
import type { CredentialLookup, Credentials } from './credentials.ts';

/** Bytes (checklist G-35). */
const maxTokenAnswer = 2 ** 20;

// distribution-spec "token": either name is used, both mean the same.
const tokenSchema = z.object({
  token: z.optional(z.string()),
  access_token: z.optional(z.string()),
  expires_in: z.optional(z.number()),
});

interface Token {
  readonly header: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

/** The Authorization headers of one registry and its scopes, as its answers ask for them. */
export interface Authorizer {
  /** What to send along; undefined while nothing was asked for. */
  current(): Promise<string | undefined>;
  /** After a 401: the header to try again with. `used` is the one that was refused. */
  answer(response: HttpResponse, used: string | undefined, signal: AbortSignal): Promise<string>;
}

export interface Access {
  readonly registry: URL;
  /** `repository:a:pull,push`; several for a blob to be mounted from another repository (G-13). */
  readonly scopes: readonly string[];
  /** Asked at the first 401, not before: public images need none. */
  readonly credentials: CredentialLookup;
  /** How the token service's certificate is checked. */
  readonly tls: HttpRequest['tls'];
}

/** Basic, or a token from the service that the registry names, with the user's credentials or without (G-11, G-14). */
export function createAuthorizer(access: Access): Authorizer {
  let token: Promise<Token> | undefined;
  const heldToken = async (): Promise<Token | undefined> => token?.catch(() => undefined);

  return {
    async current() {
      const held = await heldToken();
      return held !== undefined && held.expires > Date.now() ? held.header : undefined;
    },
    async answer(response, used, signal) {
      // Parallel requests are refused together: the first one fetches, the others take what it got.
      for (let at = token; at !== undefined; at = token) {
        const held = await heldToken();
        if (held !== undefined && held.header !== used) return held.header;
        if (at === token) break;
      }
      token = authorize(response, { ...access, signal }, used);
      return (await token).header;
    },
  };
}

interface TokenRequest extends Access {
  readonly signal: AbortSignal;
}

async function authorize(
  response: HttpResponse,
  request: TokenRequest,
  used: string | undefined,
): Promise<Token> {
  const { registry, signal } = request;
  const challenges = parseChallenges(response.headers.get('www-authenticate') ?? '');
  const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
  const credentials = await request.credentials(signal);
  const held = heldHeader(credentials, bearer === undefined);
  if (held !== undefined) {
    if (held !== used) return { header: held, expires: Infinity };
    throw new TsbuildError('REGISTRY_DENIED', `${registry.host} does not accept the credentials`, {
      hint: `log in again: tsbuild login ${registry.host}`,
    });
  }
  if (bearer === undefined) {
    throw new TsbuildError('REGISTRY_DENIED', `${registry.host} wants a user name and a password`, {
      hint: `give them to it once: tsbuild login ${registry.host}`,
    });
  }
  const realm = checkRealm(bearer.parameters.get('realm'), registry);
  return fetchToken(realm, bearer.parameters.get('service'), { ...request, held: credentials });
}

/** What needs no token service. */
function heldHeader(credentials: Credentials | undefined, isBasic: boolean): string | undefined {
  if (credentials?.kind === 'bearer') {
    // An error of the HTTP library would quote the header it cannot send.
    if (/^[\x21-\x7e]+$/.test(credentials.token)) return `Bearer ${credentials.token}`;
    throw new TsbuildError('CREDENTIALS_INVALID', 'the registry token is not one that can be sent');
  }
  return isBasic && credentials !== undefined ? basic(credentials) : undefined;
}

function basic(credentials: Exclude<Credentials, { kind: 'bearer' }>): string {
  const secret = credentials.kind === 'password' ? credentials.password : credentials.token;
  return `Basic ${Buffer.from(`${credentials.username}:${secret}`).toString('base64')}`;
}

async function fetchToken(
  realm: URL,
  service: string | undefined,
  request: TokenRequest & { readonly held: Credentials | undefined },
): Promise<Token> {
  const { held, scopes } = request;
  const form = held === undefined || held.kind === 'bearer' ? undefined : oauthForm(held, service, scopes);
  let answer: HttpResponse | undefined;
  if (held?.kind === 'identity' && form !== undefined) answer = await postForm(realm, form, request);
  // A service without OAuth (G-12).
  if (answer !== undefined && [400, 401, 404, 405].includes(answer.status)) {
    await discard(answer);
    answer = undefined;
  }
  answer ??= await getToken(realm, service, request);
  if (held?.kind === 'password' && form !== undefined && [404, 405].includes(answer.status)) {
    await discard(answer);
    answer = await postForm(realm, form, request);
  }
  if (!answer.ok) throw await statusError(answer, formsOf(held));
  return readToken(answer, realm);
}

/** How the secret may stand in an answer: a token service may repeat what it was sent, to say what is wrong with it. */
function formsOf(held: Credentials | undefined): readonly string[] {
  if (held === undefined) return [];
  const secret = held.kind === 'password' ? held.password : held.token;
  const inForm = new URLSearchParams([['', secret]]).toString().slice(1);
  const inHeader = held.kind === 'bearer' ? '' : basic(held).slice('Basic '.length);
  return [...new Set([secret, encodeURIComponent(secret), inForm, inHeader])].filter((form) => form !== '');
}

async function getToken(
  realm: URL,
  service: string | undefined,
  request: TokenRequest & { readonly held: Credentials | undefined },
): Promise<HttpResponse> {
  const { held, scopes, signal, tls } = request;
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const headers: Record<string, string> =
    held === undefined || held.kind === 'bearer' ? {} : { authorization: basic(held) };
  return get(url, { headers, signal, tls });
}

function oauthForm(
  held: Exclude<Credentials, { kind: 'bearer' }>,
  service: string | undefined,
  scopes: readonly string[],
): URLSearchParams {
  const form = new URLSearchParams({ client_id: 'tsbuild', scope: scopes.join(' ') });
  if (service !== undefined) form.set('service', service);
  if (held.kind === 'identity') {
    form.set('grant_type', 'refresh_token');
    form.set('refresh_token', held.token);
  } else {
    form.set('grant_type', 'password');
    form.set('username', held.username);
    form.set('password', held.password);
  }
  return form;
}

/** A secret in the body, never in the URL; it follows no redirect to somewhere else. */
async function postForm(
  realm: URL,
  form: URLSearchParams,
  { signal, tls }: TokenRequest,
): Promise<HttpResponse> {
  const bytes = Buffer.from(form.toString());
  return send(realm, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: { size: bytes.byteLength, open: () => once(bytes) },
    redirects: 'same-origin',
    signal,
    tls,
  });
}

/** A body of bytes at hand. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(bytes);
}

async function readToken(answer: HttpResponse, realm: URL): Promise<Token> {
  const parsed = tokenSchema.safeParse(parseJson(await readBody(answer, maxTokenAnswer)));
  const text = parsed.data?.token ?? parsed.data?.access_token;
  // Only what a header can hold: a line break would end it and begin another.
  if (text === undefined || !/^[\x21-\x7e]+$/.test(text)) {
    throw new TsbuildError('REGISTRY_ERROR', `the token service ${realm.host} answered without a token`);
  }
  const seconds = Math.max(60, parsed.data?.expires_in ?? 60);
  // Some seconds early, for clocks and travel.
  return { header: `Bearer ${text}`, expires: Date.now() + (seconds - 5) * 1000 };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
