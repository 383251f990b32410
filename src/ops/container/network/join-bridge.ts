import type { Network } from '../../../network/index.ts';
import type { ContainerSpec } from '../../../runtime/index.ts';
import type { Store } from '../../../store/index.ts';
import { writeHostFiles, type FilesNetwork } from '../host-files.ts';
import { containerFolder } from '../records.ts';
import type { ContainerRecord } from '../types.ts';
import { inNamespace } from './namespace.ts';
import { publishedByAll } from './ports.ts';
import type { Joined, NetworkRecord } from './types.ts';

export interface BridgeStart {
  readonly record: ContainerRecord;
  readonly options: NetworkRecord;
  readonly spec: ContainerSpec;
  readonly network: Network;
}

/** Attaches the container to the bridge. Throws PORT_IN_USE, NETWORK_UNAVAILABLE. */
export async function joinBridge(
  store: Store,
  { record, options, spec, network }: BridgeStart,
): Promise<Joined> {
  const { nameservers } = options.dns;
  const attached = await network.attach({
    names: namesOf(record, options),
    ports: portsOf(options),
    nameservers: nameservers.length > 0 ? nameservers : undefined,
  });
  try {
    writeFiles(store, record, { kind: 'bridge', attached });
  } catch (error) {
    await attached[Symbol.asyncDispose]();
    throw error;
  }
  const { namespace, address, gateway, mac, ports } = attached;
  return {
    spec: inNamespace(spec, namespace),
    network: { address, gateway, mac, ports },
    [Symbol.asyncDispose]: () => attached[Symbol.asyncDispose](),
  };
}

function namesOf({ id, name, spec }: ContainerRecord, { aliases }: NetworkRecord): readonly string[] {
  const { hostname } = spec.config;
  return [...new Set([name, id.slice(0, 12), ...(hostname === undefined ? [] : [hostname]), ...aliases])];
}

/** Those of `-p` and `-P`. */
export function portsOf({ publish, publishAll, exposed }: NetworkRecord): NetworkRecord['publish'] {
  return publishAll ? [...publish, ...publishedByAll(exposed, publish)] : publish;
}

/** Its resolv.conf, hosts and hostname for this network. */
export function writeFiles(store: Store, record: ContainerRecord, network: FilesNetwork): void {
  const { network: options, spec, id } = record;
  if (options === undefined) return;
  const { hosts, dns } = options;
  const hostname = spec.config.hostname ?? id.slice(0, 12);
  writeHostFiles(containerFolder(store, id), { hostname, network, hosts, dns });
}
