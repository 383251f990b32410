import { dispatch } from './dispatch.ts';
import { exchange, type ExchangeOptions, type HttpResponse } from './exchange.ts';
import { isLoopback } from './hosts.ts';

/** How the certificate of one host is checked, and ours shown to it. */
export interface TlsSettings {
  /** PEM of authorities that are trusted beside those of the machine. */
  readonly authorities: readonly string[];
  /** PEM of what we are known by. */
  readonly client?: { readonly certificate: string; readonly key: string } | undefined;
  /** False where the user said of this host that anyone may be it. */
  readonly verify: boolean;
}

type Fetch = (url: string, options: ExchangeOptions) => Promise<HttpResponse>;

/** By what they were made for: connections are kept and used again by the one fetch. */
const special = new Map<string, Promise<Fetch>>();

/** A proxy of the environment, or a host of its own rules, needs a larger library. */
export async function fetchFor(url: URL, tls: TlsSettings | undefined): Promise<Fetch> {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'];
  const direct = isLoopback(url) || names.every((name) => (process.env[name] ?? '') === '');
  const own = url.protocol === 'https:' ? tls : undefined;
  if (direct && own === undefined) return exchange;
  const key = JSON.stringify([direct, own]);
  const known = special.get(key) ?? makeFetch(direct, own);
  special.set(key, known);
  return known;
}

async function makeFetch(direct: boolean, tls: TlsSettings | undefined): Promise<Fetch> {
  const undici = await import('undici');
  const connect = tls === undefined ? {} : connectOptions(tls);
  const dispatcher = direct
    ? new undici.Agent({ connect })
    : new undici.EnvHttpProxyAgent({ connect, requestTls: connect });
  return async (url, options) => dispatch(url, options, { request: undici.request, dispatcher });
}

function connectOptions({ authorities, client, verify }: TlsSettings): object {
  // Loaded when it is needed; what the bundle is run by warns of a dynamic import.
  const { getCACertificates } = process.getBuiltinModule('node:tls');
  return {
    // A list takes the place of Node's own.
    ...(authorities.length === 0 ? {} : { ca: [...getCACertificates('default'), ...authorities] }),
    ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
    rejectUnauthorized: verify,
  };
}
