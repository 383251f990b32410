import { describe, expect, it } from 'vitest';

import { containerConfig, type ContainerRequest } from '../../src/runtime/index.ts';

const step: ContainerRequest = {
  purpose: 'build',
  args: ['true'],
  user: { uid: 0, gid: 0, additionalGids: [], home: '/root' },
  hostname: 'buildkitsandbox',
  network: 'host',
  processors: 2,
};

describe('the network of a container config', () => {
  it('R-14 R-26 joins a network that is there', () => {
    const networkOf = (network: ContainerRequest['network']): unknown =>
      containerConfig({ ...step, network }).linux.namespaces.find(({ type }) => type === 'network');
    expect(networkOf({ namespace: '/proc/7/fd/8' })).toEqual({ type: 'network', path: '/proc/7/fd/8' });
    expect(networkOf('none')).toEqual({ type: 'network' });
  });

  it('R-26 lets every user of a network of its own ping and listen on low ports, as Docker does', () => {
    const sysctl = (change: Partial<ContainerRequest>): unknown =>
      containerConfig({ ...step, ...change }).linux.sysctl;
    const ping = { 'net.ipv4.ping_group_range': '0 2147483647' };
    const ports = { 'net.ipv4.ip_unprivileged_port_start': '0' };
    const ids = [{ containerID: 0, hostID: 100000, size: 65536 }];
    expect(sysctl({ network: 'none' })).toEqual({ ...ping, ...ports });
    expect(sysctl({ network: { namespace: '/n' } })).toEqual({ ...ping, ...ports });
    expect(sysctl({ network: 'none', idMappings: { uids: ids, gids: ids } })).toEqual(ports);
    expect(sysctl({ network: { namespace: '/n', shared: true } })).toBeUndefined();
    expect(sysctl({ network: 'host' })).toBeUndefined();
    const asked = { 'net.ipv4.ip_unprivileged_port_start': '80' };
    expect(sysctl({ network: 'none', sysctls: asked })).toEqual({ ...ping, ...asked });
  });
});
