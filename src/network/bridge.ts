import { isIPv4 } from 'node:net';
import { isErrno } from '../core/index.ts';
import {
  addressBytes,
  freeSubnet,
  gatewayOf,
  macOf,
  subnetOf,
  subnetPrefix,
  type Subnet,
} from './address.ts';
import { hostServers } from './dns/host-servers.ts';
import { Connection, type Within } from './netlink/connection.ts';
import {
  addAddress,
  addBridge,
  deleteGroup,
  deleteLink,
  joinGroup,
  listAddresses,
  listLinks,
  listRoutes,
  setUp,
  withoutIpv6,
  type Block,
} from './netlink/route.ts';

/** A bridge by what it is found by. */
export interface BridgeName {
  readonly name: string;
  /** Of its own link and of those that are in it. */
  readonly group: number;
}

export interface Bridge extends BridgeName {
  readonly index: number;
  readonly subnet: Subnet;
  /** Bytes of the largest packet that the way out takes as well. */
  readonly mtu: number;
}

const usualMtu = 1500;

/**
 * The bridge of the name, made when it is not there; undefined when no subnet is free. Under the folder's lock; others
 * on the machine, with other folders, look for a free subnet at the same time, so a choice that met another is redone.
 */
export function ensureBridge(wanted: BridgeName, within: Within): Bridge | undefined {
  using route = new Connection('route', within);
  const { name } = wanted;
  const found = existingBridge(route, wanted);
  if (found !== undefined) return found;
  removeLink(route, name);
  for (let attempt = 0; attempt < 8; attempt++) {
    const start = attempt === 0 ? 0 : Math.floor(Math.random() * 512);
    const subnet = freeSubnet(allTakenBlocks(route, within), start);
    if (subnet === undefined) return undefined;
    const bridge = makeBridge(route, wanted, { subnet, mtu: mtuOutwards(route, within) });
    const rivals = listAddresses(route).filter(
      (address) => subnetOf(address) === subnet && address.index !== bridge.index,
    );
    if (rivals.length === 0) return bridge;
    removeLink(route, name);
  }
  return undefined;
}

/** Not by looking into /sys: it shows the network of whoever mounted it. */
export function hasLink(name: string): boolean {
  using route = new Connection('route');
  return listLinks(route).some((link) => link.name === name);
}

/** With all that is in it; also when it is not there any more. */
export async function removeBridge({ group }: BridgeName, within: Within): Promise<void> {
  using route = new Connection('route', within);
  await unlessGone(route.requestAside([deleteGroup(group)]));
}

/** Also when it is not there any more. */
export function removeLink(route: Connection, name: string): void {
  try {
    route.request([deleteLink(name)]);
  } catch (error) {
    if (!isErrno(error, 'ENODEV')) throw error;
  }
}

/** The same, beside what this thread does. */
export async function removeLinkAside(route: Connection, name: string): Promise<void> {
  await unlessGone(route.requestAside([deleteLink(name)]));
}

async function unlessGone(removing: Promise<void>): Promise<void> {
  try {
    await removing;
  } catch (error) {
    if (!isErrno(error, 'ENODEV')) throw error;
  }
}

function existingBridge(route: Connection, { name, group }: BridgeName): Bridge | undefined {
  const link = listLinks(route).find((each) => each.name === name && each.kind === 'bridge');
  if (link === undefined) return undefined;
  const address = listAddresses(route).find(({ index }) => index === link.index);
  const subnet = address === undefined ? undefined : subnetOf(address);
  return subnet === undefined ? undefined : { name, group, index: link.index, mtu: link.mtu, subnet };
}

function makeBridge(
  route: Connection,
  { name, group }: BridgeName,
  { subnet, mtu }: Pick<Bridge, 'subnet' | 'mtu'>,
): Bridge {
  const gateway = gatewayOf(subnet);
  route.request([
    addBridge({ name, mtu, mac: macOf(gateway) }),
    joinGroup(name, group),
    withoutIpv6(name),
    setUp({ name }),
  ]);
  const link = listLinks(route).find((each) => each.name === name);
  if (link === undefined) throw new Error(`the bridge ${name} vanished`);
  route.request([addAddress(link.index, addressBytes(gateway), subnetPrefix)]);
  return { name, group, index: link.index, subnet, mtu };
}

/**
 * Larger packets than a tunnel on the way out takes would be lost where its "too large" is filtered. A program that is
 * the way out cuts streams anew, and is the quicker the larger the packets are.
 */
function mtuOutwards(route: Connection, within: Within): number {
  const outwards = listRoutes(route).find(({ prefix, link }) => prefix === 0 && link !== undefined)?.link;
  const mtu = listLinks(route).find(({ index }) => index === outwards)?.mtu;
  if (mtu === undefined) return usualMtu;
  return within === undefined ? Math.min(mtu, usualMtu) : mtu;
}

function allTakenBlocks(route: Connection, within: Within): Block[] {
  const here = takenBlocks(route);
  return within === undefined ? here : [...here, ...hostBlocks()];
}

/** What this process's own network can reach. */
export function hostBlocks(): Block[] {
  using route = new Connection('route');
  return takenBlocks(route);
}

/** What the host can reach and must not lose: its networks, its routes but the default one, its name servers. */
function takenBlocks(route: Connection): Block[] {
  return [
    ...listAddresses(route),
    ...listRoutes(route).filter(({ prefix }) => prefix > 0),
    ...nameServerBlocks(),
  ];
}

function nameServerBlocks(): Block[] {
  return hostServers()
    .filter(isIPv4)
    .map((server) => ({ address: addressBytes(server), prefix: 32 }));
}
