import { describe, expect, it } from 'vitest';

import { networkOf, type NetworkFlags } from '../../src/cli/run-flags-network.ts';
import type { TsbuildError } from '../../src/core/index.ts';
import { checkNetworkChoices } from '../../src/ops/container/network/record.ts';
import { exposedByImage, portsText, publishedByAll } from '../../src/ops/container/network/ports.ts';
import { parsePublish, type BoundPort } from '../../src/network/index.ts';

const usage = expect.objectContaining({ code: 'USAGE' }) as TsbuildError;

describe('flags about the network', () => {
  it.each([
    [{ network: 'default' }, { kind: 'bridge', required: false }],
    [{ network: 'bridge' }, { kind: 'bridge', required: true }],
    [{ network: 'host' }, { kind: 'host' }],
    [{ network: 'none' }, { kind: 'none' }],
    [{ network: 'container:web' }, { kind: 'container', name: 'web' }],
  ])('C-71 %j is %j', async (flags, mode) => {
    expect((await networkOf(flags)).mode).toEqual(mode);
  });

  it.each<Partial<NetworkFlags>>([
    { network: 'brigde' },
    { network: 'container:' },
    { network: '' },
    { network: 'host\n' },
    { publish: ['80:80:80:80'] },
    { publish: ['70000:80'] },
    { expose: ['0'] },
    { expose: ['80/sctp'] },
    { expose: ['9-8'] },
    { networkAlias: ['a b'] },
    { networkAlias: ['-a'] },
    { addHost: ['x'] },
    { dns: ['nine'] },
    { dnsSearch: ['a b'] },
  ])('S-15 refuses %j', async (flags) => {
    await expect(networkOf({ network: 'default', ...flags })).rejects.toThrow(usage);
  });

  it.each<readonly [flag: string, network: string, flags: Partial<NetworkFlags>]>([
    ['--publish', 'container:x', { publish: ['80'] }],
    ['--publish-all', 'container:x', { publishAll: true }],
    ['--expose', 'container:x', { expose: ['80'] }],
    ['--hostname', 'container:x', { hostname: 'h' }],
    ['--dns', 'container:x', { dns: ['1.2.3.4'] }],
    ['--dns-search', 'container:x', { dnsSearch: ['a'] }],
    ['--dns-option', 'container:x', { dnsOption: ['ndots:1'] }],
    ['--add-host', 'container:x', { addHost: ['a:1.2.3.4'] }],
    ['--network-alias', 'container:x', { networkAlias: ['a'] }],
    ['--network-alias', 'host', { networkAlias: ['a'] }],
    ['--network-alias', 'none', { networkAlias: ['a'] }],
  ])('%s cannot be combined with --network %s', async (flag, network, flags) => {
    const choices = await networkOf({ network, ...flags });
    expect(() => checkNetworkChoices(choices, { hostname: flags.hostname })).toThrow(
      `${flag} cannot be combined with --network ${network.replace(/:.*/, '')}`,
    );
  });

  it('S-03 no parameter of another container’s network is set', async () => {
    const choices = await networkOf({ network: 'container:x' });
    expect(() => checkNetworkChoices(choices, { sysctls: { 'kernel.msgmax': '9' } })).not.toThrow();
    expect(() => checkNetworkChoices(choices, { sysctls: { 'net.core.somaxconn': '9' } })).toThrow(
      '--sysctl net. cannot be combined with --network container',
    );
  });

  it('all but names may be given with every network of its own', async () => {
    const flags = { publish: ['80'], publishAll: true, expose: ['81'], dns: ['1.2.3.4'], hostname: 'h' };
    for (const network of ['default', 'bridge', 'host', 'none']) {
      const choices = await networkOf({ network, ...flags });
      const sysctls = { 'net.core.somaxconn': '9' };
      expect(() => checkNetworkChoices(choices, { hostname: 'h', sysctls })).not.toThrow();
    }
  });

  it('reads --expose and the ports of an image, of which some make no sense', async () => {
    const { exposed } = await networkOf({ network: 'default', expose: ['80', '53/UDP', '90-91'] });
    expect(exposed).toEqual(['80/tcp', '53/udp', '90/tcp', '91/tcp']);
    const image = { '80/tcp': {}, '443': {}, '7000-7001/udp': {}, '5/sctp': {}, x: {}, '99999/tcp': {} };
    expect(exposedByImage(image)).toEqual(['443/tcp', '80/tcp', '7000/udp', '7001/udp']);
    expect(exposedByImage(undefined)).toEqual([]);
  });

  it('-P leaves out what -p publishes', () => {
    const found = publishedByAll(['53/udp', '80/tcp', '80/udp'], parsePublish('8080:80'));
    expect(found.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`)).toEqual([
      '53/udp',
      '80/udp',
    ]);
  });
});

describe('ports in one line', () => {
  const at = (hostPort: number, containerPort: number, more: Partial<BoundPort> = {}): BoundPort => ({
    ...{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort, containerPort },
    ...more,
  });

  it.each<readonly [readonly BoundPort[], readonly string[], string]>([
    [[], [], ''],
    [[at(8080, 80)], ['80/tcp'], '0.0.0.0:8080->80/tcp'],
    [[at(8080, 80)], ['443/tcp', '80/tcp'], '0.0.0.0:8080->80/tcp, 443/tcp'],
    [[at(8001, 91), at(8000, 90), at(8002, 92)], [], '0.0.0.0:8000-8002->90-92/tcp'],
    [[at(8000, 90), at(8002, 91)], [], '0.0.0.0:8000->90/tcp, 0.0.0.0:8002->91/tcp'],
    [[at(53, 53, { protocol: 'udp' }), at(53, 53)], [], '0.0.0.0:53->53/tcp, 0.0.0.0:53->53/udp'],
    [[at(80, 80, { hostAddress: '::1' })], [], '[::1]:80->80/tcp'],
    [[], ['80/tcp', '81/tcp', '81/udp', '82/tcp', '9/udp'], '80-82/tcp, 9/udp, 81/udp'],
  ])('%j and %j are %s', (bound, exposed, text) => {
    expect(portsText(bound, exposed)).toBe(text);
  });
});
