import { describe, expect, it } from 'vitest';
import type { TsbuildError } from '../../src/core/index.ts';
import { parsePublish } from '../../src/network/index.ts';
import { ask, askInVain, serve } from '../support/network-talk.ts';
import { hostAddress, withNetworkWorld, type NetworkWorld } from '../support/network-world.ts';

describe('-p', () => {
  it.each([
    ['80', [['tcp', undefined, undefined, 80]]],
    ['0:80', [['tcp', undefined, undefined, 80]]],
    ['8080:80', [['tcp', undefined, '8080-8080', 80]]],
    ['53:53/udp', [['udp', undefined, '53-53', 53]]],
    ['127.0.0.1:8080:80/TCP', [['tcp', '127.0.0.1', '8080-8080', 80]]],
    ['localhost:8080:80', [['tcp', '127.0.0.1', '8080-8080', 80]]],
    ['127.0.0.1::80', [['tcp', '127.0.0.1', undefined, 80]]],
    ['[::1]:8080:80', [['tcp', '::1', '8080-8080', 80]]],
    ['0.0.0.0:8080:80', [['tcp', undefined, '8080-8080', 80]]],
    ['8000-8010:80', [['tcp', undefined, '8000-8010', 80]]],
    [
      '8000-8001:90-91',
      [
        ['tcp', undefined, '8000-8000', 90],
        ['tcp', undefined, '8001-8001', 91],
      ],
    ],
    [
      '90-91',
      [
        ['tcp', undefined, undefined, 90],
        ['tcp', undefined, undefined, 91],
      ],
    ],
  ])('%s', (text, expected) => {
    const found = parsePublish(text).map(({ protocol, hostAddress: at, hostPorts, containerPort }) => {
      const range = hostPorts === undefined ? undefined : `${hostPorts.first}-${hostPorts.last}`;
      return [protocol, at, range, containerPort];
    });
    expect(found).toEqual(expected);
  });

  it.each([
    '',
    ':',
    'x',
    '80/sctp',
    '65536',
    '0',
    '9-8',
    '1-2:1-3',
    '-1:80',
    '1.2.3:1:1',
    'host:80:80',
    '::1:80:80',
    '80:80:80:80',
    '80 ',
    '80\n',
    '123456789:1',
  ])('refuses %j', (text) => {
    expect(() => parsePublish(text)).toThrow(expect.objectContaining({ code: 'USAGE' }) as TsbuildError);
  });
});

describe('published ports', () => {
  let world: NetworkWorld;
  withNetworkWorld((made) => {
    world = made;
  });

  it('are reached from outside with the sender’s address, from the loopback, and by other containers', async () => {
    const agent = world.agent();
    await agent.open('containers');
    const web = await agent.attach({ ports: [...parsePublish('8080:80'), ...parsePublish('5300:53/udp')] });
    const other = await agent.attach();
    using _tcp = await serve(web.path, { name: 'web', port: 80 });
    using _udp = await serve(web.path, { name: 'names', port: 53, protocol: 'udp' });
    const relayed = web.gateway;
    expect(await ask(world.internet.path, hostAddress, 8080)).toBe('web 198.51.100.2');
    expect(await ask(world.internet.path, hostAddress, 5300, 'udp')).toBe('names 198.51.100.2');
    for (const address of ['127.0.0.1', '::1', hostAddress]) {
      expect(await ask(world.host.path, address, 8080)).toBe(`web ${relayed}`);
    }
    expect(await ask(world.host.path, '127.0.0.1', 5300, 'udp')).toBe(`names ${relayed}`);
    expect(await ask(other.path, hostAddress, 8080)).toBe(`web ${relayed}`);
    expect(await ask(web.path, hostAddress, 8080)).toBe(`web ${relayed}`);
  });

  it('of the loopback are not reached from outside', async () => {
    const agent = world.agent();
    await agent.open('containers');
    const web = await agent.attach({ ports: parsePublish('127.0.0.1:8080:80') });
    using _web = await serve(web.path, { name: 'web', port: 80 });
    expect(await ask(world.host.path, '127.0.0.1', 8080)).toBe(`web ${web.gateway}`);
    expect(await askInVain(world.internet.path, hostAddress, 8080)).toBe('nothing');
  });

  it('are free ones where none is named, and the first free one of a range', async () => {
    const agent = world.agent();
    await agent.open('containers');
    const one = await agent.attach({ ports: [...parsePublish('80'), ...parsePublish('8000-8002:81')] });
    const two = await agent.attach({ ports: parsePublish('8000-8002:81') });
    expect(one.ports[0]?.hostPort).toBeGreaterThan(0);
    expect([one.ports[1]?.hostPort, two.ports[0]?.hostPort]).toEqual([8000, 8001]);
  });

  it('are one container’s: PORT_IN_USE names who has it, also in another process, and nothing is left', async () => {
    const [first, second] = [world.agent(), world.agent()];
    await first.open('containers');
    await second.open('containers');
    const web = await first.attach({ names: ['web'], ports: parsePublish('8080:80') });
    const before = await world.traces();
    await expect(
      second.attach({ ports: [...parsePublish('81'), ...parsePublish('8080:80')] }),
    ).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: 'port 8080/tcp cannot be published: the container web has it',
    });
    expect(await world.traces()).toBe(before);
    using _other = await serve(world.host.path, { name: 'other', port: 9090 });
    await expect(second.attach({ ports: parsePublish('9090:80') })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: 'port 9090/tcp cannot be published: another program has it',
    });
    await first.ask({ do: 'detach', id: web.id });
    expect((await second.attach({ ports: parsePublish('8080:80') })).ports[0]?.hostPort).toBe(8080);
  });

  it('of an address that the machine lacks are USAGE', async () => {
    const agent = world.agent();
    await agent.open('containers');
    const attaching = agent.attach({ ports: parsePublish('203.0.113.1:80:80') });
    await expect(attaching).rejects.toMatchObject({ code: 'USAGE' });
  });
});
