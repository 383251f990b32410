import { describe, expect, it } from 'vitest';

import {
  buildHosts,
  containerHosts,
  hostGateway,
  hostHosts,
  isResolvedStub,
  parseAddHost,
  resolvConf,
} from '../../src/runtime/index.ts';

describe('hosts', () => {
  it('R-41 of a RUN step', () => {
    expect(buildHosts()).toBe(
      '127.0.0.1\tlocalhost buildkitsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n',
    );
    expect(buildHosts([{ name: 'db', address: '10.0.0.5' }], 'other')).toBe(
      '127.0.0.1\tlocalhost other\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.0.5\tdb\n',
    );
  });

  it('R-41 of a container with its own name', () => {
    const lines = containerHosts({ name: 'web', address: '172.17.0.2' }, [{ name: 'db', address: '::5' }]);
    expect(lines).toMatch(/^127\.0\.0\.1\tlocalhost\n/);
    expect(lines).toMatch(/\n::5\tdb\n172\.17\.0\.2\tweb\n$/);
    expect(containerHosts(undefined)).toMatch(/ff02::2\tip6-allrouters\n$/);
  });

  it('R-41 on the host network: the host file and what was asked for', () => {
    expect(hostHosts('1.2.3.4\tx')).toBe('1.2.3.4\tx');
    expect(hostHosts('1.2.3.4\tx', [{ name: 'db', address: '::5' }])).toBe('1.2.3.4\tx\n::5\tdb\n');
    expect(hostHosts('', [{ name: 'db', address: '::5' }])).toBe('::5\tdb\n');
  });

  it.each([
    ['db:10.0.0.5', 'db', '10.0.0.5'],
    ['db=10.0.0.5', 'db', '10.0.0.5'],
    ['db:2001:db8::5', 'db', '2001:db8::5'],
    ['db=[2001:db8::5]', 'db', '2001:db8::5'],
    ['my-db.example.org:[::1]', 'my-db.example.org', '::1'],
    ['gate:host-gateway', 'gate', '127.0.0.1'],
  ])('R-41 reads --add-host %s', (text, name, address) => {
    expect(parseAddHost(text)).toEqual({ name, address });
  });

  it('R-41 host-gateway is the host as the network has it', () => {
    expect(parseAddHost('gate:host-gateway', '10.88.0.1')).toEqual({ name: 'gate', address: '10.88.0.1' });
    const open = { name: 'gate', address: 'host-gateway' };
    expect(parseAddHost('gate:host-gateway', hostGateway)).toEqual(open);
  });

  it.each([
    'db',
    'db:',
    ':1.2.3.4',
    'db:1.2.3',
    'db:1.2.3.4 evil',
    'a\n1.2.3.4 b:1.2.3.4',
    'a b:1.2.3.4',
    'db:[::1',
  ])('R-41 refuses --add-host %j', (text) => {
    expect(() => parseAddHost(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('resolv.conf', () => {
  const text = `# comment
nameserver 127.0.0.53
nameserver 10.0.0.1 # office
nameserver ::1
search old.example
search example.org corp
options ndots:2 edns0
`;

  it('R-42 on the host network is the text of the host', () => {
    expect(resolvConf({ hostText: text, network: 'host' })).toBe(text);
    expect(resolvConf({ hostText: '', network: 'host' })).toBe('');
  });

  it('R-42 on the host network takes what is asked for, loopback servers included', () => {
    expect(resolvConf({ hostText: text, network: 'host', search: ['.'] })).toBe(
      'nameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver ::1\noptions ndots:2 edns0\n',
    );
  });

  it('R-42 elsewhere drops the servers of the loopback', () => {
    expect(resolvConf({ hostText: text, network: 'own' })).toBe(
      'nameserver 10.0.0.1\nsearch example.org corp\noptions ndots:2 edns0\n',
    );
  });

  it('R-42 elsewhere falls back to public servers', () => {
    expect(resolvConf({ hostText: 'nameserver 127.0.0.1\n', network: 'own' })).toBe(
      'nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\nnameserver 2001:4860:4860::8844\n',
    );
  });

  it('R-42 servers, domains and options can be given', () => {
    expect(
      resolvConf({
        hostText: text,
        network: 'own',
        nameservers: ['127.0.0.1'],
        search: ['a', 'b'],
        options: ['rotate'],
      }),
    ).toBe('nameserver 127.0.0.1\nsearch a b\noptions rotate\n');
  });

  it('R-42 knows the stub of systemd-resolved', () => {
    expect(isResolvedStub('nameserver 127.0.0.53\noptions edns0\n')).toBe(true);
    expect(isResolvedStub(text)).toBe(false);
    expect(isResolvedStub('')).toBe(false);
  });
});
