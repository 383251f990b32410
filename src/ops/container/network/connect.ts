import { closeSync, openSync } from 'node:fs';

import { TsbuildError } from '../../../core/index.ts';
import {
  loopbackProxyHint,
  openNetwork,
  unavailableError,
  type AttachedNetwork,
  type Network,
} from '../../../network/index.ts';
import { pingSysctl, portSysctl, startTicksOf, type ContainerSpec } from '../../../runtime/index.ts';
import type { Store } from '../../../store/index.ts';
import { copyHostFiles, writeHostFiles, type FilesNetwork } from '../host-files.ts';
import { containerFolder, containerState, readRecord } from '../records.ts';
import type { ContainerRecord } from '../types.ts';
import { publishedByAll } from './ports.ts';
import type { NetworkRecord, RunningNetwork } from './types.ts';

/** The network of a container, for as long as somebody looks after it. */
export interface Connection extends AsyncDisposable {
  /** What the machine lacks and nobody asked for by name; one line each. */
  readonly warnings: readonly string[];
  /** Whenever its program is to start: each start has a namespace of its own. Throws PORT_IN_USE, CONTAINER_STATE. */
  join(spec: ContainerSpec): Promise<Joined>;
}

/** Dispose it when the program has ended. */
export interface Joined extends AsyncDisposable {
  /** With the namespace to run in. */
  readonly spec: ContainerSpec;
  readonly network: RunningNetwork | undefined;
}

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
    warnings: [`no network of its own, the container shares the machine's: ${opened.message}`],
    join: (spec) => asConfigured.join(sharedNetwork(spec) ?? spec),
  };
}

function portsOf({ publish, publishAll, exposed }: NetworkRecord): NetworkRecord['publish'] {
  return publishAll ? [...publish, ...publishedByAll(exposed, publish)] : publish;
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

interface BridgeStart {
  readonly record: ContainerRecord;
  readonly options: NetworkRecord;
  readonly spec: ContainerSpec;
  readonly network: Network;
}

async function joinBridge(store: Store, { record, options, spec, network }: BridgeStart): Promise<Joined> {
  const { nameservers } = options.dns;
  const attached = await network.attach({
    names: namesOf(record, options),
    ports: portsOf(options),
    nameservers: nameservers.length > 0 ? nameservers : undefined,
  });
  try {
    writeFiles(store, record, { kind: 'bridge', attached });
    return {
      spec: inNamespace(spec, attached.namespace.path),
      network: runningNetwork(attached),
      [Symbol.asyncDispose]: () => attached[Symbol.asyncDispose](),
    };
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

function writeFiles(store: Store, record: ContainerRecord, network: FilesNetwork): void {
  const { network: options, spec, id } = record;
  if (options === undefined) return;
  const { hosts, dns } = options;
  const hostname = spec.config.hostname ?? id.slice(0, 12);
  writeHostFiles(containerFolder(store, id), { hostname, network, hosts, dns });
}

interface ContainerStart {
  readonly record: ContainerRecord;
  readonly spec: ContainerSpec;
  /** Of the other. */
  readonly id: string;
}

async function joinContainer(store: Store, { record, spec, id }: ContainerStart): Promise<Joined> {
  const target = readRecord(store, id);
  const state = target === undefined ? undefined : await containerState(store, id);
  if (state?.status !== 'running') throw notThere(target?.name ?? id.slice(0, 12));
  const { pid, startTicks } = state;
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/ns/net`, 'r');
  } catch {
    throw notThere(target?.name ?? id);
  }
  try {
    // A pid that is another's by now had another start.
    if (startTicks !== undefined && startTicksOf(pid) !== startTicks) throw notThere(target?.name ?? id);
    copyHostFiles(containerFolder(store, id), containerFolder(store, record.id));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    spec: inNamespace(spec, `/proc/${process.pid}/fd/${fd}`),
    network: undefined,
    [Symbol.asyncDispose]: async () => closeSync(fd),
  };
}

function notThere(name: string): TsbuildError {
  return new TsbuildError(
    'CONTAINER_STATE',
    `the network of container ${name} cannot be joined: it is not running`,
    {
      hint: `start it first: tsbuild start ${name}`,
    },
  );
}

function inNamespace(spec: ContainerSpec, path: string): ContainerSpec {
  const namespaces = spec.config.linux.namespaces.map((each) =>
    each.type === 'network' ? { type: each.type, path } : each,
  );
  return withLinux(spec, { namespaces });
}

function withLinux(spec: ContainerSpec, changes: Partial<ContainerSpec['config']['linux']>): ContainerSpec {
  return { ...spec, config: { ...spec.config, linux: { ...spec.config.linux, ...changes } } };
}
