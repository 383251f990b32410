import { TsbuildError } from '../core/index.ts';
import {
  certificateProblem,
  CutOffError,
  discard,
  get,
  isLoopback,
  send,
  statusError,
  type HttpSending,
  type RetryPolicy,
  type TlsSettings,
  type HttpResponse,
} from '../http/index.ts';
import { findCredentials, metaHeaders, type CredentialLookup } from './credentials.ts';
import { noticesOf } from './notices.ts';
import type { RegistryPlace, RegistrySettings } from './settings.ts';
import { createAuthorizer, type Authorizer } from './token.ts';

/** What is done there. */
export type Access = 'pull' | 'push' | 'delete';

/** What a token is asked to allow. */
const actions: Readonly<Record<Access, string>> = {
  pull: 'pull',
  push: 'pull,push',
  delete: 'pull,push,delete',
};

export interface ConversationOptions {
  readonly place: RegistryPlace;
  readonly settings: RegistrySettings;
  readonly signal: AbortSignal;
  readonly retry: RetryPolicy;
  /** Milliseconds without a byte after which a transfer is begun anew. */
  readonly stall: number;
  /** Reading alone unless told. */
  readonly access?: Access | undefined;
  /** Other repositories of the registry that are read: blobs are mounted from them. */
  readonly alsoRead?: readonly string[] | undefined;
  /** The user's own, from his files and helpers, unless told. */
  readonly credentials?: CredentialLookup | undefined;
  /** Told what the registry's Warning headers say. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Requests of one repository, proving who asks where the registry wants that. */
export interface Conversation {
  /** `path` below `/v2/<repository>/`, or a URL the registry gave. Throws HttpStatusError for all but success. */
  readonly request: (
    path: string | URL,
    request: Partial<HttpSending> & Pick<HttpSending, 'signal'>,
  ) => Promise<HttpResponse>;
}

export function createConversation(options: ConversationOptions): Conversation {
  let connected: Promise<Connection> | undefined;
  const tls = (url: URL): TlsSettings | undefined => options.settings.tls(url, options.place);
  const notice = noticesOf(options.onWarning, options.place.host);
  return {
    async request(path, { method = 'GET', headers = {}, ...rest }) {
      connected ??= connect(options);
      const {
        base,
        authorizer,
        headers: always,
      } = await connected.catch((error: unknown) => {
        connected = undefined;
        throw error;
      });
      const url = typeof path === 'string' ? urlOf(path, base, options) : within(path, base);
      const isOwn = url.origin === base.origin;
      const originHeaders = isOwn ? always : {};
      const attempt = async (authorization: string | undefined): Promise<HttpResponse> => {
        const response = await send(url, {
          ...rest,
          method,
          originHeaders,
          tls,
          headers: authorization === undefined ? headers : { ...headers, authorization },
        });
        notice(response);
        return response;
      };
      // Where uploads go may be another host, which our token is none of the business of (G-16).
      return isOwn ? authorized(authorizer, rest.signal, attempt) : checked(await attempt(undefined));
    },
  };
}

/** A small answer comes whole within the time in which a large one must show a byte. */
export async function withDeadline<T>(
  { signal, stall }: Pick<ConversationOptions, 'signal' | 'stall'>,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(stall);
  try {
    return await task(AbortSignal.any([signal, deadline]));
  } catch (error) {
    if (!deadline.aborted || signal.aborted) throw error;
    throw new CutOffError(`no answer within ${stall} ms`);
  }
}

/** A host that has several registries is told by `ns` which of them is meant; containerd says it of reads alone (G-38). */
function urlOf(path: string, base: URL, { place, access = 'pull' }: ConversationOptions): URL {
  const { repository, namespace, root = '/v2' } = place;
  const url = new URL(`${root}/${repository}/${path}`, base);
  if (namespace !== undefined && access === 'pull') url.searchParams.set('ns', namespace);
  return url;
}

/** Registries behind a proxy that ends TLS name themselves by http: the scheme of the connection is kept. */
function within(url: URL, base: URL): URL {
  if (url.protocol !== 'http:' || base.protocol !== 'https:') return url;
  if (url.hostname !== base.hostname) {
    // Everybody on the way could read what is private there.
    throw new TsbuildError('REGISTRY_ERROR', `${base.host} leads to plain http: ${url.origin}`);
  }
  const secure = new URL(url);
  secure.protocol = 'https:';
  if (url.port === '' || url.port === '80') secure.port = base.port;
  return secure;
}

interface Connection {
  readonly base: URL;
  readonly authorizer: Authorizer;
  /** Sent to this host with every request. */
  readonly headers: Readonly<Record<string, string>>;
}

async function connect(options: ConversationOptions): Promise<Connection> {
  const { place, settings, signal, access = 'pull', alsoRead = [] } = options;
  const { host, repository } = place;
  const scopes = [
    `repository:${repository}:${actions[access]}`,
    ...alsoRead.map((other) => `repository:${other}:pull`),
  ];
  const credentials: CredentialLookup =
    options.credentials ??
    (async (stop) => findCredentials({ registry: host, repository }, { signal: stop }));
  const registry = await registryBase(place, settings, signal);
  const tls = (url: URL): TlsSettings | undefined => settings.tls(url, place);
  return {
    base: registry,
    authorizer: createAuthorizer({ registry, scopes, credentials, tls }),
    headers: { ...metaHeaders(), ...place.headers },
  };
}

/**
 * The scheme and host by which a registry is spoken to: https, and plain http only to this machine or to a host that the
 * user named for it, where it turns out that https is not spoken (checklist G-37).
 */
export async function registryBase(
  place: Pick<RegistryPlace, 'host' | 'insecure'>,
  settings: RegistrySettings,
  signal: AbortSignal,
): Promise<URL> {
  const secure = new URL(`https://${place.host}`);
  if (settings.isStrict || (!isLoopback(secure) && !place.insecure)) return secure;
  try {
    const tls = (url: URL): TlsSettings | undefined => settings.tls(url, place);
    await discard(await get(new URL('/v2/', secure), { headers: {}, signal, tls }));
    return secure;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TsbuildError || certificateProblem(error) !== undefined) throw error;
    return new URL(`http://${place.host}`);
  }
}

export async function authorized(
  authorizer: Authorizer,
  signal: AbortSignal,
  attempt: (authorization: string | undefined) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const used = await authorizer.current();
  const response = await attempt(used);
  if (response.status !== 401) return checked(response);
  await discard(response);
  return checked(await attempt(await authorizer.answer(response, used, signal)));
}

async function checked(response: HttpResponse): Promise<HttpResponse> {
  if (response.ok) return response;
  throw await statusError(response);
}
