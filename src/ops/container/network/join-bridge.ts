import type { AttachedNetwork, Network } from '../../../network/index.ts';
import type { ContainerSpec } from '../../../runtime/index.ts';
import type { Store } from '../../../store/index.ts';
import type { NetworkNamespace } from '../../../sys/index.ts';
import { writeHostFiles, type FilesNetwork } from '../host-files.ts';
import { containerFolder } from '../records.ts';
import type { ContainerRecord } from '../types.ts';
import { inNamespace, namespaceOf } from './namespace.ts';
import { publishedByAll } from './ports.ts';
import type { Joined, NetworkRecord, RunningNetwork } from './types.ts';

export interface BridgeStart {
  readonly record: ContainerRecord;
  readonly options: NetworkRecord;
  readonly spec: ContainerSpec;
  readonly network: Network;
}

/** Attaches the container to the bridge. Throws PORT_IN_USE, NETWORK_UNAVAILABLE. */
export async function joinBridge(store: Store, start: BridgeStart): Promise<Joined> {
  const { spec } = start;
  if (spec.config.linux.namespaces.some(({ type }) => type === 'user')) return joinLate(store, start);
  const attached = await attach(store, start);
  return {
    spec: inNamespace(spec, attached.namespace),
    enter: () => Promise.resolve(runningNetwork(attached)),
    [Symbol.asyncDispose]: () => attached[Symbol.asyncDispose](),
  };
}

/**
 * A network namespace belongs to the user namespace it was made in, and only to that one's root is it a network of its
 * own, whose /sys it may mount: the container makes it, and it is connected before the program begins.
 */
async function joinLate(store: Store, start: BridgeStart): Promise<Joined> {
  const held = new AsyncDisposableStack();
  return {
    spec: start.spec,
    enter: async (pid) => {
      const namespace = held.use(namespaceOf(pid));
      return runningNetwork(held.use(await attach(store, start, namespace)));
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function attach(
  store: Store,
  { record, options, network }: BridgeStart,
  namespace?: NetworkNamespace,
): Promise<AttachedNetwork> {
  const { nameservers } = options.dns;
  const attached = await network.attach({
    namespace,
    names: namesOf(record, options),
    ports: portsOf(options),
    nameservers: nameservers.length > 0 ? nameservers : undefined,
  });
  try {
    writeFiles(store, record, { kind: 'bridge', attached });
    return attached;
  } catch (error) {
    await attached[Symbol.asyncDispose]();
    throw error;
  }
}

function namesOf({ id, name, spec }: ContainerRecord, { aliases }: NetworkRecord): readonly string[] {
  const { hostname } = spec.config;
  return [...new Set([name, id.slice(0, 12), ...(hostname === undefined ? [] : [hostname]), ...aliases])];
}

function runningNetwork({ address, gateway, mac, ports }: AttachedNetwork): RunningNetwork {
  return { address, gateway, mac, ports };
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
