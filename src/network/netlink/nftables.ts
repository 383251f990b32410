/* Tables, chains and rules of nf_tables; linux/netfilter/nf_tables.h. */
import {
  attribute,
  decodeAttributes,
  encodeAttributes,
  net16,
  net32,
  textOf,
  zeroEnded,
  type Attribute,
} from './attributes.ts';
import type { Connection, Request } from './connection.ts';
import { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from './message.ts';
import { namesLink, type Expression } from './nft-expressions.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const messages = {
  newTable: 0,
  getTable: 1,
  newChain: 3,
  getChain: 4,
  newRule: 6,
  getRule: 7,
  delRule: 8,
} as const;

/** The table goes when the socket that made it closes, in whatever way, and no one else can change it. Linux 5.12. */
const NFT_TABLE_F_OWNER = 2;
const NFPROTO_IPV4 = 2;
const NFTA_LIST_ELEM = 1;

/** Where base chains hook in; the priorities are those of nft's names `dstnat`, `srcnat` and `filter`. */
const hooks = {
  prerouting: { type: 'nat', number: 0, priority: -100 },
  output: { type: 'nat', number: 3, priority: -100 },
  postrouting: { type: 'nat', number: 4, priority: 100 },
  forward: { type: 'filter', number: 2, priority: 0 },
} as const;

export type Hook = keyof typeof hooks;

export interface Rule {
  readonly table: string;
  readonly chain: string;
  readonly expressions: readonly Expression[];
}

/** `struct nfgenmsg` and attributes. */
function body(attributes: readonly Attribute[], family = NFPROTO_IPV4): Buffer {
  return Buffer.concat([Buffer.from([family, 0, 0, 0]), encodeAttributes(attributes)]);
}

function typeOf(message: keyof typeof messages): number {
  return (NFNL_SUBSYS_NFTABLES << 8) | messages[message];
}

export function addOwnedTable(name: string): Request {
  const attributes = [
    { type: 1, value: zeroEnded(name) },
    { type: 2, value: net32(NFT_TABLE_F_OWNER) },
  ];
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  return { type: typeOf('newTable'), flags, body: body(attributes), doing: 'make an nftables table' };
}

/** A base chain named as its hook; what no rule ends goes on. */
export function addBaseChain(table: string, hook: Hook): Request {
  const { type, number, priority } = hooks[hook];
  const place: Attribute[] = [
    { type: 1, value: net32(number) },
    { type: 2, value: net32(priority) },
  ];
  const attributes: Attribute[] = [
    { type: 1, value: zeroEnded(table) },
    { type: 3, value: zeroEnded(hook) },
    { type: 4, value: place },
    { type: 7, value: zeroEnded(type) },
  ];
  const flags = NLM_F_ACK | NLM_F_CREATE;
  return {
    type: typeOf('newChain'),
    flags,
    body: body(attributes),
    doing: `make the nftables chain ${hook}`,
  };
}

/** At the end of the chain, or at its beginning. */
export function addRule({ table, chain, expressions }: Rule, where: 'end' | 'begin' = 'end'): Request {
  const list: Attribute[] = expressions.map(({ name, data }) => ({
    type: NFTA_LIST_ELEM,
    value: [
      { type: 1, value: zeroEnded(name) },
      { type: 2, value: data },
    ],
  }));
  const attributes: Attribute[] = [
    { type: 1, value: zeroEnded(table) },
    { type: 2, value: zeroEnded(chain) },
    { type: 4, value: list },
  ];
  const flags = NLM_F_ACK | NLM_F_CREATE | (where === 'end' ? NLM_F_APPEND : 0);
  return {
    type: typeOf('newRule'),
    flags,
    body: body(attributes),
    doing: `add an nftables rule to ${chain}`,
  };
}

export function deleteRule(table: string, chain: string, handle: Buffer): Request {
  const attributes = [
    { type: 1, value: zeroEnded(table) },
    { type: 2, value: zeroEnded(chain) },
    { type: 3, value: handle },
  ];
  return {
    type: typeOf('delRule'),
    flags: NLM_F_ACK,
    body: body(attributes),
    doing: 'remove an nftables rule',
  };
}

/** Carries out all of the requests or none. */
export function commit(netfilter: Connection, requests: readonly Request[]): void {
  const edge = (type: number): Request => ({
    type,
    flags: 0,
    body: Buffer.concat([Buffer.from([0, 0]), net16(NFNL_SUBSYS_NFTABLES)]),
    doing: 'change nftables',
  });
  netfilter.request([edge(NFNL_MSG_BATCH_BEGIN), ...requests, edge(NFNL_MSG_BATCH_END)]);
}

/** A chain of any family that packets between links pass. */
export interface ForwardChain {
  readonly family: number;
  readonly table: string;
  readonly chain: string;
  readonly dropsByDefault: boolean;
}

const NFPROTO_INET = 1;

/** The base chains that forwarded IPv4 packets pass. */
export function listForwardChains(netfilter: Connection): ForwardChain[] {
  const found = netfilter.dump({
    type: typeOf('getChain'),
    body: body([], 0),
    doing: 'list the nftables chains',
  });
  return found.flatMap((message) => {
    const attributes = decodeAttributes(message.body.subarray(4));
    const family = message.body[0] ?? 0;
    const hook = attribute(attributes, 4);
    if (hook === undefined || (family !== NFPROTO_IPV4 && family !== NFPROTO_INET)) return [];
    if (attribute(decodeAttributes(hook), 1)?.readUInt32BE() !== hooks.forward.number) return [];
    return [
      {
        family,
        table: textOf(attribute(attributes, 1) ?? Buffer.alloc(0)),
        chain: textOf(attribute(attributes, 3) ?? Buffer.alloc(0)),
        dropsByDefault: attribute(attributes, 5)?.readUInt32BE() === 0,
      },
    ];
  });
}

/** Whether `table ip NAME` has the chain. */
export function hasChain(netfilter: Connection, table: string, chain: string): boolean {
  const found = netfilter.dump({
    type: typeOf('getChain'),
    body: body([]),
    doing: 'list the nftables chains',
  });
  return found.some((message) => {
    const attributes = decodeAttributes(message.body.subarray(4));
    const [inTable, name] = [attribute(attributes, 1), attribute(attributes, 3)];
    return inTable !== undefined && name !== undefined && textOf(inTable) === table && textOf(name) === chain;
  });
}

/** Handles of the rules of a chain of `table ip NAME` that name the link. */
export function rulesNaming(
  netfilter: Connection,
  { table, chain }: Omit<Rule, 'expressions'>,
  link: string,
): Buffer[] {
  const attributes = [
    { type: 1, value: zeroEnded(table) },
    { type: 2, value: zeroEnded(chain) },
  ];
  const found = netfilter.dump({
    type: typeOf('getRule'),
    body: body(attributes),
    doing: 'list nftables rules',
  });
  return found.flatMap((message) => {
    const rule = decodeAttributes(message.body.subarray(4));
    const [inTable, inChain, expressions, handle] = [1, 2, 4, 3].map((type) => attribute(rule, type));
    // Older kernels filter a dump by nothing.
    if (inTable === undefined || inChain === undefined || expressions === undefined || handle === undefined)
      return [];
    if (textOf(inTable) !== table || textOf(inChain) !== chain) return [];
    return namesLink(expressions, link) ? [handle] : [];
  });
}
