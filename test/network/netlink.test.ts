import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  decodeAttributes,
  encodeAttributes,
  isLittle,
  type Attribute,
} from '../../src/network/netlink/attributes.ts';
import { decodeMessages, encodeMessage, replyOf } from '../../src/network/netlink/message.ts';
import {
  addressIs,
  conntrackLacks,
  CT_ESTABLISHED_OR_RELATED,
  destinationIsLocal,
  destinationNat,
  destinationPort,
  interfaceName,
  masquerade,
  protocol,
  verdict,
  type Expression,
} from '../../src/network/netlink/nft-expressions.ts';
import { addBaseChain, addRule } from '../../src/network/netlink/nftables.ts';
import { addAddress, addBridge, addDefaultRoute, addVeth } from '../../src/network/netlink/route.ts';
import type { Request } from '../../src/network/netlink/connection.ts';
import { projectRoot } from '../support/paths.ts';
import { runs } from '../support/series.ts';

const attributes = fc.letrec<{ readonly tree: Attribute }>((tie) => ({
  tree: fc.record({
    type: fc.integer({ min: 0, max: 0x3fff }),
    value: fc.oneof(
      { maxDepth: 3 },
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      fc.array(tie('tree'), { maxLength: 3 }),
    ),
  }),
})).tree;

/** Reads bytes back with the shape they were written from, as a reader that knows the protocol does. */
function readAs(bytes: Buffer, shape: readonly Attribute[]): Attribute[] {
  return decodeAttributes(bytes).map(({ type, value }, index) => {
    const inner = shape[index]?.value;
    return { type, value: inner === undefined || Buffer.isBuffer(inner) ? value : readAs(value, inner) };
  });
}

describe('the coding of netlink', () => {
  it('gives attributes back as they were', () => {
    fc.assert(
      fc.property(fc.array(attributes, { maxLength: 4 }), (list) => {
        const bytes = encodeAttributes(list);
        expect(bytes.length % 4).toBe(0);
        expect(readAs(bytes, list)).toEqual(list);
      }),
      runs(200),
    );
  });

  it('gives messages back as they were, several in one datagram', () => {
    const message = fc.record({
      type: fc.integer({ min: 16, max: 0xffff }),
      flags: fc.integer({ min: 0, max: 0xffff }),
      body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (list) => {
        const datagram = Buffer.concat(list.map((each, index) => encodeMessage(each, index)));
        expect(decodeMessages(datagram)).toEqual(list.map((each, sequence) => ({ ...each, sequence })));
      }),
      runs(200),
    );
  });

  it('reads any bytes without failing, and never past them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const total = decodeAttributes(Buffer.from(bytes)).reduce(
          (sum, { value }) => sum + 4 + value.length,
          0,
        );
        expect(total).toBeLessThanOrEqual(bytes.length);
        for (const message of decodeMessages(Buffer.from(bytes))) replyOf(message);
      }),
      runs(200),
    );
  });
});

/**
 * A body as its header and its attributes, those of one message in the order of their types, for which the kernel does
 * not care. ip leaves the flag of nested ones out in IFLA_LINKINFO; a veth's peer has a header of its own.
 */
function shapeOf(bytes: Buffer, header: number): unknown {
  return [bytes.toString('hex', 0, header), attributesIn(bytes.subarray(header), header === 16)];
}

function attributesIn(bytes: Buffer, link: boolean, path = ''): unknown[] {
  return decodeAttributes(bytes)
    .map(({ type, value }, index): [number, unknown] => {
      const at = `${path}/${type}`;
      const inner = link ? ['/18', '/18/2'].includes(at) : isNested(bytes, index);
      if (link && at === '/18/2/1') return [type, shapeOf(value, 16)];
      return [type, inner ? attributesIn(value, link, at) : value.toString('hex')];
    })
    .sort(([one], [other]) => one - other);
}

/** Whether the sender marked the attribute of that place as one with others inside. */
function isNested(bytes: Buffer, place: number): boolean {
  let offset = 0;
  for (let index = 0; index < place; index++) offset += (bytes.readUInt16LE(offset) + 3) & ~3;
  return (bytes.readUInt16LE(offset + 2) & 0x8000) !== 0;
}

/** What `ip` and `nft` send for the same. */
describe.runIf(isLittle)('messages', () => {
  const captures = new Map(
    readFileSync(join(projectRoot, 'fixtures/netlink/captures.txt'), 'latin1')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line): [string, string] => [
        line.slice(0, line.indexOf(': ')),
        line.slice(line.indexOf(': ') + 2),
      ]),
  );
  const address = Buffer.from([10, 88, 0, 2]);
  const link = 'tsb-c01234567ab';
  const mac = Buffer.from([2, 0x54, 10, 88, 0, 2]);
  const rule = (chain: string, ...expressions: Expression[]): Request =>
    addRule({ table: 't', chain, expressions });
  const cases: readonly [string, Request][] = [
    ['ip address add 10.88.0.2/24 dev lo', addAddress(1, address, 24)],
    ['ip route add default via 10.88.0.2 dev lo', addDefaultRoute(1, address)],
    [
      'ip link add br0 mtu 1400 address 02:54:0a:58:00:02 type bridge',
      addBridge({ name: 'br0', mtu: 1400, mac }),
    ],
    [
      'ip link add v0 mtu 1400 master lo type veth peer name eth0 index 2 mtu 1400 address 02:54:0a:58:00:02 netns',
      addVeth({ name: 'v0', mtu: 1400, bridge: 1, peer: { name: 'eth0', index: 2, mac, namespace: 4 } }),
    ],
    ['nft chain postrouting', addBaseChain('t', 'postrouting')],
    [
      'nft ip saddr 10.88.0.0/24 masquerade',
      rule('p', ...addressIs('ip saddr', Buffer.from([10, 88, 0, 0]), 24), masquerade()),
    ],
    [
      'nft iifname != X oifname X drop',
      rule('f', ...interfaceName('iifname', link, '!='), ...interfaceName('oifname', link), verdict('drop')),
    ],
    [
      'nft ct state ! established,related accept',
      rule('f', ...conntrackLacks('state', CT_ESTABLISHED_OR_RELATED), verdict('accept')),
    ],
    [
      'nft fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80',
      rule(
        'c',
        ...destinationIsLocal(),
        ...protocol('tcp'),
        ...destinationPort(8080),
        ...destinationNat(address, 80),
      ),
    ],
  ];
  it.each(cases)('%s', (name, { body }) => {
    const captured = Buffer.from(captures.get(name) ?? '', 'hex');
    const header = name.startsWith('nft') ? 4 : name.includes('link') ? 16 : name.includes('route') ? 12 : 8;
    expect(shapeOf(body, header)).toEqual(shapeOf(captured, header));
  });
});
