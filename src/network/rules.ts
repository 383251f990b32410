import { randomHex, type NetworkNamespace } from '../sys/index.ts';
import { addressBytes, subnetPrefix, type Subnet } from './address.ts';
import { Connection, type Within } from './netlink/connection.ts';
import {
  addressIs,
  conntrackLacks,
  CT_ESTABLISHED_OR_RELATED,
  destinationIsLocal,
  destinationNat,
  destinationPort,
  interfaceName,
  IPS_DST_NAT,
  masquerade,
  protocol,
  verdict,
  type Expression,
} from './netlink/nft-expressions.ts';
import { addBaseChain, addOwnedTable, addRule, commit, type Hook } from './netlink/nftables.ts';
import type { BoundPort, NetworkKind, Protocol } from './types.ts';

/** A table of nf_tables that lives as long as this process holds it. */
export type OwnedRules = Disposable & AsyncDisposable;

type HookRules = readonly (readonly [Hook, readonly (readonly Expression[])[]])[];

/** Its name is random: processes of other pid namespaces may share the network, and pids come again. */
function ownRules(rules: HookRules, namespace?: Within): OwnedRules {
  const netfilter = new Connection('netfilter', namespace);
  try {
    const table = `tsbuild-${randomHex(8)}`;
    commit(netfilter, [
      addOwnedTable(table),
      ...rules.map(([hook]) => addBaseChain(table, hook)),
      ...rules.flatMap(([chain, list]) => list.map((expressions) => addRule({ table, chain, expressions }))),
    ]);
  } catch (error) {
    netfilter[Symbol.dispose]();
    throw error;
  }
  return netfilter;
}

/**
 * What every process that uses a bridge has for itself; several of the same do no harm. What leaves takes the host's
 * address. From outside nothing comes in but answers and published ports, though neighbours of the host could send to
 * the subnet's addresses by way of it. Steps are kept from each other as packets too, not as frames alone.
 */
export function ownBridgeRules({
  kind,
  bridge,
  subnet,
  within,
}: {
  readonly kind: NetworkKind;
  readonly bridge: string;
  readonly subnet: Subnet;
  readonly within: Within;
}): OwnedRules {
  const inside = addressIs('ip saddr', addressBytes(`${subnet}.0`), subnetPrefix);
  const unasked = [
    ...interfaceName('iifname', bridge, '!='),
    ...interfaceName('oifname', bridge),
    ...conntrackLacks('status', IPS_DST_NAT),
    ...conntrackLacks('state', CT_ESTABLISHED_OR_RELATED),
    verdict('drop'),
  ];
  const amongSteps = [
    ...interfaceName('iifname', bridge),
    ...interfaceName('oifname', bridge),
    verdict('drop'),
  ];
  const rules: HookRules = [
    ['postrouting', [[...inside, ...interfaceName('oifname', bridge, '!='), masquerade()]]],
    ['forward', kind === 'steps' ? [unasked, amongSteps] : [unasked]],
  ];
  return ownRules(rules, within);
}

/**
 * Sends what comes from outside for the ports on to the container, with its sender's address. What comes from the host
 * itself or from the bridge is left to the relay: from there the container would answer past the translation.
 */
export function ownPortRules(bridge: string, address: string, ports: readonly BoundPort[]): OwnedRules {
  const rules = ports.map((port) => [
    ...interfaceName('iifname', bridge, '!='),
    ...(port.hostAddress === '0.0.0.0'
      ? destinationIsLocal()
      : addressIs('ip daddr', addressBytes(port.hostAddress))),
    ...protocol(port.protocol),
    ...destinationPort(port.hostPort),
    ...destinationNat(addressBytes(address), port.containerPort),
  ]);
  return ownRules([['prerouting', rules]]);
}

/** Inside a namespace: what is sent to port 53 of the address goes to the ports that the name server really has. */
export function ownNameServerRules(
  namespace: Pick<NetworkNamespace, 'fd'>,
  address: string,
  ports: Readonly<Record<Protocol, number>>,
): OwnedRules {
  const to = addressBytes(address);
  const rules = (['udp', 'tcp'] as const).map((each) => [
    ...addressIs('ip daddr', to),
    ...protocol(each),
    ...destinationPort(53),
    ...destinationNat(to, ports[each]),
  ]);
  return ownRules([['output', rules]], namespace);
}
