import { isIP } from 'node:net';

import { TsbuildError } from '../core/index.ts';

/** A line of the hosts file that the user asked for. */
export interface HostEntry {
  /** An IP address, or `hostGateway` where it is still open what that stands for. */
  readonly address: string;
  readonly name: string;
}

/** The name of the machine that a RUN step sees, the one BuildKit gives, so that what it writes down is the same. */
export const buildHostname = 'buildkitsandbox';

/** `/etc/hosts` of a RUN step. */
export function buildHosts(extra: readonly HostEntry[] = [], hostname = buildHostname): string {
  return [
    `127.0.0.1\tlocalhost ${hostname}`,
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...hostLines(extra),
    '',
  ].join('\n');
}

/** `/etc/hosts` of a container with its own network: Docker's lines, and its own name at its own address. */
export function containerHosts(own: HostEntry | undefined, extra: readonly HostEntry[] = []): string {
  return [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...hostLines(extra),
    ...(own === undefined ? [] : hostLines([own])),
    '',
  ].join('\n');
}

/** `/etc/hosts` of a container on the host's network: the host's own text and what was asked for. */
export function hostHosts(text: string, extra: readonly HostEntry[] = []): string {
  if (extra.length === 0) return text;
  return [text === '' || text.endsWith('\n') ? text : `${text}\n`, ...hostLines(extra, '\n')].join('');
}

/** Docker's word for this machine, as a container reaches it. */
export const hostGateway = 'host-gateway';

/**
 * `--add-host name:address` or `name=address`, IPv6 addresses with or without brackets. `gateway` is what `host-gateway`
 * stands for, or the word again for whoever knows later: on the host's network a container reaches the host as itself.
 * Throws USAGE.
 */
export function parseAddHost(text: string, gateway = '127.0.0.1'): HostEntry {
  const match = /^([^\s:=]+)[:=](?:\[([^\]]+)\]|(.+))$/.exec(text);
  const name = match?.[1];
  const written = match?.[2] ?? match?.[3] ?? '';
  const address = written === hostGateway ? gateway : written;
  // A name goes into a file of blank-separated words: what is no host name could add lines of its own.
  if (
    name !== undefined &&
    /^[A-Za-z0-9_.-]{1,253}$/.test(name) &&
    (address === hostGateway || isIP(address) !== 0)
  ) {
    return { name, address };
  }
  throw new TsbuildError('USAGE', `--add-host: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected name:address such as db:10.0.0.5, db:[2001:db8::5] or db:host-gateway',
  });
}

export interface ResolvOptions {
  /** Text of the host's file; empty when it has none. */
  readonly hostText: string;
  /** `host`: the container shares the host's network. `own`: it cannot reach what listens on the host's loopback. */
  readonly network: 'host' | 'own';
  readonly nameservers?: readonly string[] | undefined;
  readonly search?: readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
}

/** Where systemd-resolved keeps the real name servers, for when `/etc/resolv.conf` only names its loopback stub. */
export const resolvedConf = '/run/systemd/resolve/resolv.conf';

/** Whether the file's only name server is systemd-resolved's stub, so that `resolvedConf` is the one to read. */
export function isResolvedStub(text: string): boolean {
  const servers = words(text, 'nameserver');
  return servers.length === 1 && servers[0] === '127.0.0.53';
}

const publicServers: readonly string[] = [
  '8.8.8.8',
  '8.8.4.4',
  '2001:4860:4860::8888',
  '2001:4860:4860::8844',
];

/**
 * `/etc/resolv.conf` of a container. On the host's network the host's text stands as it is. With a network of its own
 * the loopback servers are dropped, for there they would be the container itself, and public ones stand in when none
 * is left. `.` as the only search domain means none.
 */
export function resolvConf(request: ResolvOptions): string {
  const { hostText, network, nameservers = [], search = [], options = [] } = request;
  const asked = nameservers.length + search.length + options.length > 0;
  if (network === 'host' && !asked) return hostText;

  const inherited = words(hostText, 'nameserver').filter(
    (server) => network === 'host' || !isLoopback(server),
  );
  const servers = nameservers.length > 0 ? nameservers : inherited;
  const domains = search.length > 0 ? search : words(hostText, 'search');
  const flags = options.length > 0 ? options : words(hostText, 'options');
  return [
    ...(servers.length > 0 || network === 'host' ? servers : publicServers).map(
      (server) => `nameserver ${server}\n`,
    ),
    ...(domains.length > 0 && !(domains.length === 1 && domains[0] === '.')
      ? [`search ${domains.join(' ')}\n`]
      : []),
    ...(flags.length > 0 ? [`options ${flags.join(' ')}\n`] : []),
  ].join('');
}

/** The words after a keyword; servers add up, of the other keywords the last line counts (resolv.conf(5)). */
function words(text: string, keyword: 'nameserver' | 'search' | 'options'): string[] {
  let found: string[] = [];
  for (const line of text.split('\n')) {
    const [first, ...rest] = line.split(/[#;]/, 1).join('').trim().split(/\s+/);
    if (first !== keyword) continue;
    found = keyword === 'nameserver' ? [...found, ...rest.slice(0, 1)] : rest;
  }
  return found;
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

function hostLines(entries: readonly HostEntry[], end = ''): string[] {
  return entries.map(({ address, name }) => `${address}\t${name}${end}`);
}
