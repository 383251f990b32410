/* The expressions of nf_tables rules as attributes; linux/netfilter/nf_tables.h. All numbers in the order of the net. */
import { host32, net16, net32, zeroEnded, type Attribute } from './attributes.ts';

/** One step of a rule: it loads a register, compares one (and ends the rule when that fails), or acts. */
export interface Expression {
  readonly name: string;
  readonly data: readonly Attribute[];
}

/** The first register, 16 bytes wide, and the second. */
const R1 = 1;
const R2 = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;

const metaKeys = { iifname: 6, oifname: 7, l4proto: 16 } as const;
const payloads = {
  'ip saddr': { base: 1, offset: 12 },
  'ip daddr': { base: 1, offset: 16 },
  'th dport': { base: 2, offset: 2 },
} as const;

/** Bits of conntrack's `state` and `status`. */
export const CT_ESTABLISHED_OR_RELATED = 2 | 4;
export const IPS_DST_NAT = 1 << 5;

const RTN_LOCAL = 2;
const NF_DROP = 0;
const NF_ACCEPT = 1;

function number(type: number, value: number): Attribute {
  return { type, value: net32(value) };
}

function value(bytes: Buffer): Attribute[] {
  return [{ type: NFTA_DATA_VALUE, value: bytes }];
}

function loadMeta(key: keyof typeof metaKeys): Expression {
  return { name: 'meta', data: [number(1, R1), number(2, metaKeys[key])] };
}

function loadPayload(field: keyof typeof payloads, length: number): Expression {
  const { base, offset } = payloads[field];
  return { name: 'payload', data: [number(1, R1), number(2, base), number(3, offset), number(4, length)] };
}

function loadCt(key: 'state' | 'status'): Expression {
  return { name: 'ct', data: [number(1, R1), number(2, key === 'state' ? 0 : 2)] };
}

function compare(bytes: Buffer, operator: '==' | '!=' = '=='): Expression {
  return {
    name: 'cmp',
    data: [number(1, R1), number(2, operator === '==' ? 0 : 1), { type: 3, value: value(bytes) }],
  };
}

function mask(bytes: Buffer): Expression {
  const nothing = Buffer.alloc(bytes.length);
  const data = [number(1, R1), number(2, R1), number(3, bytes.length)];
  return {
    name: 'bitwise',
    data: [...data, { type: 4, value: value(bytes) }, { type: 5, value: value(nothing) }],
  };
}

/** Compared with its NUL, as iptables does: without it the name would be a prefix. */
export function interfaceName(
  direction: 'iifname' | 'oifname',
  name: string,
  operator: '==' | '!=' = '==',
): Expression[] {
  return [loadMeta(direction), compare(zeroEnded(name), operator)];
}

export function protocol(name: 'tcp' | 'udp'): Expression[] {
  return [loadMeta('l4proto'), compare(Buffer.from([name === 'tcp' ? 6 : 17]))];
}

/** An address, or with a prefix of whole bytes the network it is of: only these are loaded. */
export function addressIs(
  field: 'ip saddr' | 'ip daddr',
  address: Buffer,
  prefix: 24 | 32 = 32,
): Expression[] {
  const length = prefix / 8;
  return [loadPayload(field, length), compare(address.subarray(0, length))];
}

/** The destination is an address of this machine. */
export function destinationIsLocal(): Expression[] {
  const NFT_FIB_RESULT_ADDRTYPE = 3;
  const NFTA_FIB_F_DADDR = 2;
  const fib = [number(1, R1), number(2, NFT_FIB_RESULT_ADDRTYPE), number(3, NFTA_FIB_F_DADDR)];
  return [{ name: 'fib', data: fib }, compare(host32(RTN_LOCAL))];
}

export function destinationPort(port: number): Expression[] {
  return [loadPayload('th dport', 2), compare(net16(port))];
}

/** None of the bits is set in conntrack's word about the packet, which is in the machine's order. */
export function conntrackLacks(key: 'state' | 'status', bits: number): Expression[] {
  return [loadCt(key), mask(host32(bits)), compare(host32(0))];
}

export function counter(): Expression {
  return { name: 'counter', data: [] };
}

export function masquerade(): Expression {
  return { name: 'masq', data: [] };
}

export function verdict(what: 'accept' | 'drop'): Expression {
  const code = number(NFTA_VERDICT_CODE, what === 'accept' ? NF_ACCEPT : NF_DROP);
  const data = { type: 2, value: [{ type: NFTA_DATA_VERDICT, value: [code] }] };
  return { name: 'immediate', data: [number(1, 0), data] };
}

export function destinationNat(address: Buffer, port: number): Expression[] {
  const NF_NAT_DNAT = 1;
  const NFPROTO_IPV4 = 2;
  /** NFTA_NAT_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED */
  const portIsGiven = number(7, 2);
  const load = (register: number, bytes: Buffer): Expression => ({
    name: 'immediate',
    data: [number(1, register), { type: 2, value: value(bytes) }],
  });
  return [
    load(R1, address),
    load(R2, net16(port)),
    {
      name: 'nat',
      data: [number(1, NF_NAT_DNAT), number(2, NFPROTO_IPV4), number(3, R1), number(5, R2), portIsGiven],
    },
  ];
}

/** Bytes by which a dumped rule tells that it is about the link. */
export function namesLink(expressions: Buffer, name: string): boolean {
  return expressions.includes(zeroEnded(name));
}
