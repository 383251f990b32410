/* Builders and readers of rtnetlink messages; rtnetlink(7), linux/if_link.h, linux/rtnetlink.h. */
import {
  attribute,
  decodeAttributes,
  encodeAttributes,
  host32,
  readHost32,
  textOf,
  zeroEnded,
  type Attribute,
} from './attributes.ts';
import type { Connection, Request } from './connection.ts';
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL } from './message.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_AF_SPEC = 26;
const IFLA_GROUP = 27;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_ISOLATED = 33;
const IFLA_INET_CONF = 1;
const IPV4_DEVCONF_FORWARDING = 1;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const VETH_INFO_PEER = 1;
const IFF_UP = 1;

const AF_INET = 2;
const AF_INET6 = 10;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;

const create = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;

/** The loopback interface is the first of every namespace. */
export const loopbackIndex = 1;

/** `struct ifinfomsg`, with the link up when `up`. */
function linkHeader({ index = 0, up = false, family = 0 }): Buffer {
  const flags = host32(up ? IFF_UP : 0);
  return Buffer.concat([Buffer.from([family, 0, 0, 0]), host32(index), flags, flags]);
}

function linkRequest(
  header: Buffer,
  attributes: readonly Attribute[],
  flags = NLM_F_ACK,
): Omit<Request, 'doing'> {
  return { type: RTM_NEWLINK, flags, body: Buffer.concat([header, encodeAttributes(attributes)]) };
}

/** `ip link add NAME mtu MTU up type bridge` */
export function addBridge({
  name,
  mtu,
  mac,
}: {
  readonly name: string;
  readonly mtu: number;
  readonly mac: Buffer;
}): Request {
  const attributes: Attribute[] = [
    { type: IFLA_IFNAME, value: zeroEnded(name) },
    { type: IFLA_MTU, value: host32(mtu) },
    { type: IFLA_ADDRESS, value: mac },
    { type: IFLA_LINKINFO, value: [{ type: IFLA_INFO_KIND, value: Buffer.from('bridge') }] },
  ];
  return { ...linkRequest(linkHeader({}), attributes, create), doing: `make the bridge ${name}` };
}

/** A pair of links joined like the ends of a cable: one here in a bridge, one in another namespace. */
export interface VethPair {
  readonly name: string;
  readonly bridge: number;
  readonly mtu: number;
  readonly peer: {
    readonly name: string;
    readonly index: number;
    readonly mac: Buffer;
    /** Descriptor of its namespace. */
    readonly namespace: number;
  };
}

/** `ip link add NAME master BRIDGE mtu MTU type veth peer …`; down, for a peer cannot be up before its other end. */
export function addVeth({ name, bridge, mtu, peer }: VethPair): Request {
  const other = Buffer.concat([
    linkHeader({ index: peer.index }),
    encodeAttributes([
      { type: IFLA_IFNAME, value: zeroEnded(peer.name) },
      { type: IFLA_MTU, value: host32(mtu) },
      { type: IFLA_ADDRESS, value: peer.mac },
      { type: IFLA_NET_NS_FD, value: host32(peer.namespace) },
    ]),
  ]);
  const attributes: Attribute[] = [
    { type: IFLA_IFNAME, value: zeroEnded(name) },
    { type: IFLA_MTU, value: host32(mtu) },
    { type: IFLA_MASTER, value: host32(bridge) },
    {
      type: IFLA_LINKINFO,
      value: [
        { type: IFLA_INFO_KIND, value: Buffer.from('veth') },
        { type: IFLA_INFO_DATA, value: [{ type: VETH_INFO_PEER, value: other }] },
      ],
    },
  ];
  return { ...linkRequest(linkHeader({}), attributes, create), doing: `make the link ${name}` };
}

/** Keeps the ports of a bridge from each other: an isolated one exchanges frames only with those that are not. */
export function isolatePort(name: string): Request {
  const attributes: Attribute[] = [
    { type: IFLA_IFNAME, value: zeroEnded(name) },
    {
      type: IFLA_LINKINFO,
      value: [
        { type: IFLA_INFO_SLAVE_KIND, value: Buffer.from('bridge') },
        { type: IFLA_INFO_SLAVE_DATA, value: [{ type: IFLA_BRPORT_ISOLATED, value: Buffer.from([1]) }] },
      ],
    },
  ];
  return { ...linkRequest(linkHeader({}), attributes), doing: `isolate the link ${name}` };
}

/** No IPv6 address of its own accord: the host would listen there to what its firewall never heard of. */
export function withoutIpv6(name: string): Request {
  const attributes: Attribute[] = [
    { type: IFLA_IFNAME, value: zeroEnded(name) },
    {
      type: IFLA_AF_SPEC,
      value: [
        {
          type: AF_INET6,
          value: [{ type: IFLA_INET6_ADDR_GEN_MODE, value: Buffer.from([IN6_ADDR_GEN_MODE_NONE]) }],
        },
      ],
    },
  ];
  return { ...linkRequest(linkHeader({}), attributes), doing: `set up the link ${name}` };
}

/** What comes in by the link may leave by another: its net.ipv4.conf.NAME.forwarding. */
export function forwardFrom(name: string): Request {
  const on = { type: IPV4_DEVCONF_FORWARDING, value: host32(1) };
  const attributes: Attribute[] = [
    { type: IFLA_IFNAME, value: zeroEnded(name) },
    { type: IFLA_AF_SPEC, value: [{ type: AF_INET, value: [{ type: IFLA_INET_CONF, value: [on] }] }] },
  ];
  return { ...linkRequest(linkHeader({}), attributes), doing: `forward from the link ${name}` };
}

export function setUp(link: { readonly index: number } | { readonly name: string }): Request {
  const byName = 'name' in link;
  const header = linkHeader({ up: true, index: byName ? 0 : link.index });
  const attributes = byName ? [{ type: IFLA_IFNAME, value: zeroEnded(link.name) }] : [];
  return { ...linkRequest(header, attributes), doing: 'set a link up' };
}

/** Makes links removable together: the kernel waits for all its processors once, and not once a link. */
export function joinGroup(name: string, group: number): Request {
  const attributes = [
    { type: IFLA_IFNAME, value: zeroEnded(name) },
    { type: IFLA_GROUP, value: host32(group) },
  ];
  return { ...linkRequest(linkHeader({}), attributes), doing: `group the link ${name}` };
}

/** Groups of ours begin here. All links of the machine that nobody grouped are in group 0. */
export const firstGroup = 0x40000000;

export function deleteGroup(group: number): Request {
  if (group < firstGroup) throw new Error(`the link group ${group} is not one of ours`);
  const attributes = [{ type: IFLA_GROUP, value: host32(group) }];
  const body = Buffer.concat([linkHeader({}), encodeAttributes(attributes)]);
  return { type: RTM_DELLINK, flags: NLM_F_ACK, body, doing: 'remove the links of a network' };
}

export function deleteLink(name: string): Request {
  const body = Buffer.concat([
    linkHeader({}),
    encodeAttributes([{ type: IFLA_IFNAME, value: zeroEnded(name) }]),
  ]);
  return { type: RTM_DELLINK, flags: NLM_F_ACK, body, doing: `remove the link ${name}` };
}

/** `ip address add ADDRESS/PREFIX`; the address in the order of the net. */
export function addAddress(index: number, address: Buffer, prefix: number): Request {
  const header = Buffer.concat([Buffer.from([AF_INET, prefix, 0, 0]), host32(index)]);
  const attributes = [
    { type: IFA_LOCAL, value: address },
    { type: IFA_ADDRESS, value: address },
  ];
  const body = Buffer.concat([header, encodeAttributes(attributes)]);
  return { type: RTM_NEWADDR, flags: create, body, doing: 'add an address' };
}

/** `ip route add default via GATEWAY dev LINK` */
export function addDefaultRoute(index: number, gateway: Buffer): Request {
  const RT_TABLE_MAIN = 254;
  const RTPROT_BOOT = 3;
  const RTN_UNICAST = 1;
  // struct rtmsg: family, both prefix lengths, tos, table, protocol, scope (universe), type, flags.
  const header = Buffer.from([AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0]);
  const attributes = [
    { type: RTA_GATEWAY, value: gateway },
    { type: RTA_OIF, value: host32(index) },
  ];
  const body = Buffer.concat([header, encodeAttributes(attributes)]);
  return { type: RTM_NEWROUTE, flags: create, body, doing: 'add the default route' };
}

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  readonly kind: string | undefined;
}

export function listLinks(route: Connection): Link[] {
  const messages = route.dump({ type: RTM_GETLINK, body: linkHeader({}), doing: 'list the links' });
  return messages.map(({ body }) => {
    const attributes = decodeAttributes(body.subarray(16));
    const info = attribute(attributes, IFLA_LINKINFO);
    const kind = info === undefined ? undefined : attribute(decodeAttributes(info), IFLA_INFO_KIND);
    const mtu = attribute(attributes, IFLA_MTU);
    return {
      index: readHost32(body, 4),
      name: textOf(attribute(attributes, IFLA_IFNAME) ?? Buffer.alloc(0)),
      mtu: mtu === undefined ? 0 : readHost32(mtu),
      kind: kind === undefined ? undefined : textOf(kind),
    };
  });
}

/** A block of IPv4 addresses: four bytes in the order of the net, and how many bits of them count. */
export interface Block {
  readonly address: Buffer;
  readonly prefix: number;
}

export interface LinkAddress extends Block {
  readonly index: number;
}

export function listAddresses(route: Connection): LinkAddress[] {
  const body = Buffer.concat([Buffer.from([AF_INET, 0, 0, 0]), host32(0)]);
  return route.dump({ type: RTM_GETADDR, body, doing: 'list the addresses' }).flatMap((message) => {
    const attributes = decodeAttributes(message.body.subarray(8));
    const address = attribute(attributes, IFA_LOCAL) ?? attribute(attributes, IFA_ADDRESS);
    if (address?.length !== 4 || message.body[0] !== AF_INET) return [];
    return [{ address, prefix: message.body[1] ?? 32, index: readHost32(message.body, 4) }];
  });
}

export interface Route extends Block {
  /** Index of the link it leads to. */
  readonly link: number | undefined;
}

/** Routes of every table; the default route is the one of prefix 0. */
export function listRoutes(route: Connection): Route[] {
  const header = Buffer.alloc(12);
  header[0] = AF_INET;
  return route.dump({ type: RTM_GETROUTE, body: header, doing: 'list the routes' }).flatMap(({ body }) => {
    const attributes = decodeAttributes(body.subarray(12));
    const address = attribute(attributes, RTA_DST) ?? Buffer.alloc(4);
    const link = attribute(attributes, RTA_OIF);
    if (body[0] !== AF_INET || address.length !== 4) return [];
    return [{ address, prefix: body[1] ?? 32, link: link === undefined ? undefined : readHost32(link) }];
  });
}
