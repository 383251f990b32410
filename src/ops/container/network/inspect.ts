import type { Json } from '../../../core/index.ts';
import type { BoundPort, PublishedPort } from '../../../network/types.ts';
import { pingSysctl, portSysctl } from '../../../runtime/index.ts';
import type { ContainerRecord, ContainerState } from '../types.ts';
import { portName, sortedPorts } from './ports.ts';
import type { NetworkRecord, RunningNetwork } from './types.ts';

/** docker's `NetworkSettings`. */
export function networkSettingsOf(record: ContainerRecord, state: ContainerState): Json {
  const running = state.status === 'running' ? state : undefined;
  const network = running?.network;
  const endpoint = endpointJson(network);
  return {
    SandboxKey: running === undefined ? '' : `/proc/${running.pid}/ns/net`,
    Ports: running === undefined ? {} : portsJson(record.network?.exposed ?? [], network?.ports ?? []),
    ...endpoint,
    Networks: networksJson(record, running !== undefined, network),
  };
}

function endpointJson(network: RunningNetwork | undefined): Readonly<Record<string, Json>> {
  return {
    Gateway: network?.gateway ?? '',
    IPAddress: network?.address ?? '',
    IPPrefixLen: network === undefined ? 0 : 24,
    MacAddress: network?.mac ?? '',
  };
}

/** A container without a network of its own has docker's entry of the other network; one in another's has none. */
function networksJson(
  { id, name, network: options, spec }: ContainerRecord,
  running: boolean,
  network: RunningNetwork | undefined,
): Json {
  const kind = options?.mode.kind ?? kindOf(spec.config.linux.namespaces);
  if (kind === 'container') return {};
  if (kind !== 'bridge' || (running && network === undefined))
    return { [kind === 'bridge' ? 'host' : kind]: endpointJson(undefined) };
  const aliases = [...(options?.aliases ?? [])];
  const names = [...new Set([name, id.slice(0, 12), ...aliases])];
  return { bridge: { ...endpointJson(network), Aliases: aliases, DNSNames: names } };
}

function kindOf(namespaces: readonly { readonly type: string }[]): 'host' | 'none' {
  return namespaces.some(({ type }) => type === 'network') ? 'none' : 'host';
}

/** By the container's port; null for one that is exposed and not published. */
function portsJson(exposed: readonly string[], bound: readonly BoundPort[]): Json {
  const names = sortedPorts([...exposed, ...bound.map(portName)]);
  return Object.fromEntries(
    names.map((name) => {
      const at = bound.filter((each) => portName(each) === name);
      const json = at.map(({ hostAddress, hostPort }) => ({
        HostIp: hostAddress,
        HostPort: String(hostPort),
      }));
      return [name, json.length === 0 ? null : json];
    }),
  );
}

/** Members of docker's `Config`. */
export function networkConfigOf({ network }: ContainerRecord): Readonly<Record<string, Json>> {
  const exposed = network?.exposed ?? [];
  return exposed.length === 0 ? {} : { ExposedPorts: Object.fromEntries(exposed.map((name) => [name, {}])) };
}

/** Members of docker's `HostConfig`. */
export function networkHostConfigOf({ network, spec }: ContainerRecord): Readonly<Record<string, Json>> {
  const { linux } = spec.config;
  const defaults: Readonly<Record<string, string>> = { ...pingSysctl, ...portSysctl };
  const sysctls = Object.entries(linux.sysctl ?? {}).filter(([name, value]) => defaults[name] !== value);
  return {
    NetworkMode: network === undefined ? kindOf(linux.namespaces) : modeText(network),
    PortBindings: bindingsJson(network?.publish ?? []),
    PublishAllPorts: network?.publishAll ?? false,
    ExtraHosts: [...(network?.hosts ?? [])],
    Dns: [...(network?.dns.nameservers ?? [])],
    DnsSearch: [...(network?.dns.search ?? [])],
    DnsOptions: [...(network?.dns.options ?? [])],
    Sysctls: Object.fromEntries(sysctls),
  };
}

function modeText({ mode }: NetworkRecord): string {
  return mode.kind === 'container' ? `container:${mode.id}` : mode.kind;
}

function bindingsJson(publish: readonly PublishedPort[]): Json {
  const names = sortedPorts(publish.map(portName));
  return Object.fromEntries(
    names.map((name) => [
      name,
      publish
        .filter((each) => portName(each) === name)
        .map(({ hostAddress = '', hostPorts }) => ({ HostIp: hostAddress, HostPort: rangeText(hostPorts) })),
    ]),
  );
}

function rangeText(range: PublishedPort['hostPorts']): string {
  if (range === undefined) return '';
  return range.first === range.last ? String(range.first) : `${range.first}-${range.last}`;
}
