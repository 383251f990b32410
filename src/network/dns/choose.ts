import type { NetworkNamespace } from '../../sys/index.ts';
import { hostServers, reachableServers, resolvedServers } from './host-servers.ts';
import { innerNameServer, startNameServer } from './server.ts';

/** Servers for a host that names none; the ones that Docker and BuildKit take. */
const publicServers = ['8.8.8.8', '8.8.4.4'];

export interface NameServers extends AsyncDisposable {
  /** What the container's resolv.conf shall name. */
  readonly addresses: readonly string[];
}

export interface NameServerRequest {
  readonly namespace: Pick<NetworkNamespace, 'fd'>;
  /** What the user wants asked. */
  readonly asked: readonly string[] | undefined;
  /** Names of the network; absent where nobody shall be found by name. */
  readonly lookUp: ((name: string) => readonly string[]) | undefined;
}

/**
 * Where a container has names to find, or where only the host's own loopback knows the servers, a name server of ours
 * stands in its namespace; else the container asks the host's servers itself.
 */
export async function chooseNameServers({
  namespace,
  asked,
  lookUp,
}: NameServerRequest): Promise<NameServers> {
  if (lookUp !== undefined) {
    return own(namespace, lookUp, asked === undefined ? hostServers : () => asked);
  }
  if (asked !== undefined) return { addresses: asked, ...nothingToEnd };
  const direct = reachableServers(hostServers(), resolvedServers);
  if (direct.length > 0 || hostServers().length === 0) return { addresses: direct, ...nothingToEnd };
  return own(namespace, () => [], hostServers);
}

const nothingToEnd = { [Symbol.asyncDispose]: (): Promise<void> => Promise.resolve() };

async function own(
  namespace: Pick<NetworkNamespace, 'fd'>,
  lookUp: (name: string) => readonly string[],
  servers: () => readonly string[],
): Promise<NameServers> {
  // Asked anew for every query: a laptop changes its network while a container runs.
  const upstreams = (): readonly string[] => {
    const found = servers();
    return found.length > 0 ? found : publicServers;
  };
  const server = await startNameServer({ namespace, lookUp, upstreams });
  return { addresses: [innerNameServer], [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
