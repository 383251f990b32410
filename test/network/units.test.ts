import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes, freeSubnet, macOf, macText, subnetOf } from '../../src/network/address.ts';
import { nameServersOf, reachableServers } from '../../src/network/dns/host-servers.ts';
import { answer, failure, isResponse, questionOf, SERVFAIL } from '../../src/network/dns/message.ts';
import { loopbackProxyHint } from '../../src/network/index.ts';
import { deleteGroup } from '../../src/network/netlink/route.ts';
import { runs } from '../support/series.ts';

function block(text: string): { readonly address: Buffer; readonly prefix: number } {
  const [address = '', prefix = '32'] = text.split('/');
  return { address: addressBytes(address), prefix: Number(prefix) };
}

describe('subnets', () => {
  it.each([
    [[], '10.88.0'],
    [['10.88.0.0/24'], '10.88.1'],
    [['10.88.0.77'], '10.88.1'],
    [['10.88.0.0/16'], '10.89.0'],
    [['10.0.0.0/8'], undefined],
    [['0.0.0.0/0'], undefined],
    [['192.168.0.0/16', '10.88.0.128/25', '10.88.1.0/30'], '10.88.2'],
  ])('beside %j is %s', (taken, expected) => {
    expect(freeSubnet(taken.map(block))).toBe(expected);
  });

  it('are told from others by their address', () => {
    expect(subnetOf(block('10.88.7.1/24'))).toBe('10.88.7');
    expect(subnetOf(block('10.88.7.1/16'))).toBeUndefined();
    expect(subnetOf(block('10.90.7.1/24'))).toBeUndefined();
  });

  it('give every address a hardware address of its own, given locally and not to many', () => {
    expect(macText(macOf('10.88.0.2'))).toBe('02:54:0a:58:00:02');
  });
});

it('links are never removed by the group that all others are in', () => {
  expect(() => deleteGroup(0)).toThrow('is not one of ours');
});

describe('R-42 name servers of the host', () => {
  it.each([
    ['nameserver 192.0.2.1\n nameserver\t192.0.2.2 # second\n', ['192.0.2.1', '192.0.2.2']],
    ['# nameserver 192.0.2.1\nsearch example.org\n', []],
    ['nameserver fe80::1%eth0\n', ['fe80::1%eth0']],
  ])('in %j', (text, expected) => {
    expect(nameServersOf(text)).toEqual(expected);
  });

  it.each([
    [['192.0.2.1', '127.0.0.1', '::1', '2001:db8::1'], ['192.0.2.1']],
    [['127.0.0.53'], ['198.51.100.1']],
    [['127.0.0.53', '192.0.2.1'], ['192.0.2.1']],
    [['127.0.0.1'], []],
  ])('of %j a namespace reaches %j', (host, expected) => {
    expect(reachableServers(host, () => ['198.51.100.1', '2001:db8::2'])).toEqual(expected);
  });
});

describe('messages of the name server', () => {
  const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
  const query = (labels: readonly string[], type: number): Buffer =>
    Buffer.concat([
      Buffer.from('abcd01000001000000000000', 'hex'),
      ...labels.flatMap((text) => [Buffer.from([text.length]), Buffer.from(text)]),
      Buffer.from([0, 0, type, 0, 1]),
    ]);

  it('give the question back, and the addresses to those who ask for IPv4', () => {
    fc.assert(
      fc.property(
        fc.array(label, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(1, 28, 255),
        (labels, type) => {
          const question = questionOf(query(labels, type));
          if (question === undefined) throw new Error('not read');
          expect(question).toMatchObject({ name: labels.join('.').toLowerCase(), type, id: 0xabcd });
          const reply = answer(question, ['10.88.0.2', '10.88.0.3']);
          expect(isResponse(reply)).toBe(true);
          expect(questionOf(reply)).toMatchObject({ name: question.name, id: question.id });
          expect(reply.readUInt16BE(6)).toBe(type === 28 ? 0 : 2);
          expect(failure(question, SERVFAIL).readUInt16BE(2) & 0xf).toBe(SERVFAIL);
        },
      ),
      runs(100),
    );
  });

  it('are read from any bytes without failing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        questionOf(Buffer.from(bytes));
        const behindHeader = Buffer.concat([Buffer.from('abcd01000001000000000000', 'hex'), bytes]);
        expect(questionOf(behindHeader)?.bytes.length ?? 0).toBeLessThanOrEqual(behindHeader.length);
      }),
      runs(200),
    );
  });

  it.each([
    ['a pointer', 'c00c00010001'],
    ['a label past the end', '3f6100010001'],
    ['no end', '0161'],
    ['no type', '01610000'],
  ])('with %s for a name are no questions', (_, rest) => {
    expect(questionOf(Buffer.from(`abcd01000001000000000000${rest}`, 'hex'))).toBeUndefined();
  });
});

describe('a proxy on the host’s loopback', () => {
  it.each([
    ['http_proxy=http://127.0.0.1:3128', 'http_proxy'],
    ['HTTPS_PROXY=http://user:secret@localhost:3128/', 'HTTPS_PROXY'],
    ['all_proxy=socks5://[::1]:1080', 'all_proxy'],
    ['http_proxy=localhost:3128', 'http_proxy'],
  ])('is named for %s', (entry, name) => {
    expect(loopbackProxyHint(['PATH=/bin', entry])).toContain(`${name} points to the host's loopback`);
  });

  it.each([
    'http_proxy=http://proxy.example:3128',
    'http_proxy=',
    'no_proxy=localhost',
    'X=http://127.0.0.1',
    'http_proxy',
  ])('is none in %s', (entry) => {
    expect(loopbackProxyHint([entry])).toBeUndefined();
  });
});
