import {
  loopbackProxyHint,
  openNetwork,
  unavailableError,
  type Unavailable,
} from '../../../network/index.ts';
import { pingSysctl, portSysctl, type ContainerSpec } from '../../../runtime/index.ts';
import type { Store } from '../../../store/index.ts';
import type { ContainerRecord } from '../types.ts';
import { joinBridge, portsOf, writeFiles } from './join-bridge.ts';
import { joinContainer } from './join-container.ts';
import { withLinux } from './namespace.ts';
import type { Connection, NetworkRecord } from './types.ts';

/** Throws NETWORK_UNAVAILABLE when the container requires one, and CONTAINER_STATE, CONTAINER_NOT_FOUND. */
export async function connectContainer(store: Store, record: ContainerRecord): Promise<Connection> {
  const { network: options } = record;
  switch (options?.mode.kind) {
    case undefined:
      return asConfigured;
    case 'host':
    case 'none':
      return { ...asConfigured, warnings: uselessPorts(options) };
    case 'container': {
      const { id } = options.mode;
      return { ...asConfigured, join: (spec) => joinContainer(store, { record, spec, id }) };
    }
    case 'bridge':
      return connectToBridge(store, record, options);
  }
}

const nothingToEnd = { [Symbol.asyncDispose]: (): Promise<void> => Promise.resolve() };

const asConfigured: Connection = {
  warnings: [],
  join: (spec) => Promise.resolve({ spec, network: undefined, ...nothingToEnd }),
  ...nothingToEnd,
};

/** Docker, too, runs it all the same: images and scripts are shared between networks. */
function uselessPorts(options: NetworkRecord): readonly string[] {
  if (portsOf(options).length === 0) return [];
  const why = options.mode.kind === 'host' ? "it has the machine's own ports" : 'nobody can reach it';
  return [`no port is published with --network ${options.mode.kind}: ${why}`];
}

async function connectToBridge(
  store: Store,
  record: ContainerRecord,
  options: NetworkRecord,
): Promise<Connection> {
  const opened = await openNetwork({ kind: 'containers' });
  if (opened.available) {
    const { network } = opened;
    const hint = loopbackProxyHint(record.spec.config.process.env);
    return {
      warnings: hint === undefined ? [] : [hint],
      join: (spec) => joinBridge(store, { record, options, spec, network }),
      [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
    };
  }
  const required = options.mode.kind === 'bridge' && options.mode.required;
  const shared = sharedNetwork(record.spec);
  // Publishing and the parameters of a network mean nothing, or the wrong thing, on the machine's own.
  if (required || portsOf(options).length > 0 || shared === undefined) throw unavailableError(opened);
  writeFiles(store, record, { kind: 'host' });
  return {
    ...asConfigured,
    warnings: [`no network of its own, the container shares the machine's: ${withHint(opened)}`],
    join: (spec) => asConfigured.join(sharedNetwork(spec) ?? spec),
  };
}

function withHint({ message, hint }: Unavailable): string {
  return hint === undefined ? message : `${message}; ${hint}`;
}

/** On the machine's own network; undefined where parameters of a network were asked for. */
function sharedNetwork(spec: ContainerSpec): ContainerSpec | undefined {
  const { linux } = spec.config;
  const defaults: Readonly<Record<string, string>> = { ...pingSysctl, ...portSysctl };
  const kept = Object.entries(linux.sysctl ?? {}).filter(([name, value]) => defaults[name] !== value);
  if (kept.some(([name]) => /^net[./]/.test(name))) return undefined;
  const namespaces = linux.namespaces.filter(({ type }) => type !== 'network');
  return withLinux(spec, { namespaces, sysctl: Object.fromEntries(kept) });
}
