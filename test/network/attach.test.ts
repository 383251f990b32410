import { describe, expect, it } from 'vitest';
import { ask, askInVain, resolve, serve, serveNames } from '../support/network-talk.ts';
import {
  hostAddress,
  internetAddress,
  withNetworkWorld,
  type NetworkWorld,
} from '../support/network-world.ts';

describe('namespaces attached to a network', () => {
  let world: NetworkWorld;
  withNetworkWorld((made) => {
    world = made;
  });

  it('R-53 containers reach each other, the host’s address and, with the host’s address, the internet', async () => {
    const agent = world.agent();
    await agent.open('containers');
    const [one, two] = [await agent.attach(), await agent.attach()];
    using _one = await serve(one.path, { name: 'one', port: 80 });
    using _internet = await serve(world.internet.path, { name: 'internet', port: 80 });
    using _datagrams = await serve(world.internet.path, { name: 'internet', port: 53, protocol: 'udp' });
    using _host = await serve(world.host.path, { name: 'host', port: 80 });
    expect(await ask(two.path, one.address, 80)).toBe(`one ${two.address}`);
    expect(await ask(two.path, one.gateway, 80)).toBe(`host ${two.address}`);
    expect(await ask(two.path, internetAddress, 80)).toBe(`internet ${hostAddress}`);
    expect(await ask(two.path, internetAddress, 53, 'udp')).toBe(`internet ${hostAddress}`);
  });

  it('R-53 nobody outside reaches a container by its address, and no container the host’s loopback', async () => {
    const agent = world.agent();
    await agent.open('containers');
    const one = await agent.attach();
    using _one = await serve(one.path, { name: 'one', port: 80 });
    using _loopback = await serve(world.host.path, { name: 'loopback', port: 81, address: '127.0.0.1' });
    const subnet = one.address.replace(/\d+$/, '0/24');
    await world.onHost(`nsenter --net=${world.internet.path} ip route add ${subnet} via ${hostAddress}`);
    expect(await askInVain(world.internet.path, one.address, 80)).toBe('nothing');
    expect(await askInVain(one.path, '127.0.0.1', 81)).toBe('nothing');
    expect(await askInVain(one.path, one.gateway, 81)).toBe('nothing');
    expect(await ask(world.host.path, one.address, 80)).toBe(`one ${one.gateway}`);
  });

  it('R-53 steps reach the internet and not each other, neither by frames nor by way of the host', async () => {
    const agent = world.agent();
    await agent.open('steps');
    const [one, two] = [await agent.attach(), await agent.attach()];
    using _one = await serve(one.path, { name: 'one', port: 80 });
    using _internet = await serve(world.internet.path, { name: 'internet', port: 80 });
    expect(await ask(two.path, internetAddress, 80)).toBe(`internet ${hostAddress}`);
    expect(await askInVain(two.path, one.address, 80)).toBe('nothing');
    await world.onHost(`nsenter --net=${two.path} ip route add ${one.address}/32 via ${two.gateway}`);
    expect(await askInVain(two.path, one.address, 80)).toBe('nothing');
  });

  it('R-42 steps ask the host’s servers themselves when these are not on its loopback', async () => {
    const agent = world.agent(
      withResolv('nameserver 198.51.100.2\nnameserver 127.0.0.1\nnameserver fe80::1'),
    );
    await agent.open('steps');
    expect((await agent.attach()).nameservers).toEqual(['198.51.100.2']);
  });

  it('R-42 a forwarder stands in for a name server on the host’s loopback, by UDP and TCP', async () => {
    const agent = world.agent(withResolv('nameserver 127.0.0.1'));
    await agent.open('steps');
    const { path, nameservers } = await agent.attach();
    expect(nameservers).toEqual(['127.0.0.11']);
    using _server = await serveNames(world.host.path, '192.0.2.7');
    expect(await resolve(path, 'example.org')).toEqual(['192.0.2.7']);
    expect(await resolve(path, 'example.org', 'tcp')).toEqual(['192.0.2.7']);
  });

  it('containers find each other by name, from whatever process, until they are gone', async () => {
    const [first, second] = [world.agent(), world.agent()];
    await first.open('containers');
    await second.open('containers');
    const db = await first.attach({ names: ['Db', 'db-host'] });
    const app = await second.attach({ names: ['app'] });
    expect(await resolve(app.path, 'db')).toEqual([db.address]);
    expect(await resolve(app.path, 'DB-HOST')).toEqual([db.address]);
    expect(await resolve(app.path, 'db', 'tcp')).toEqual([db.address]);
    expect(await resolve(db.path, 'app')).toEqual([app.address]);
    await first.kill();
    const again = await second.attach({ names: ['other'], nameservers: ['127.0.0.1'] });
    expect(await resolve(again.path, 'db')).toEqual([]);
  });

  it('leaves port 53 of a container to its own name server', async () => {
    const agent = world.agent();
    await agent.open('containers');
    const one = await agent.attach({ names: ['one'] });
    using _own = await serve(one.path, { name: 'own', port: 53, protocol: 'udp' });
    using _stream = await serve(one.path, { name: 'own', port: 53 });
    expect(await ask(one.path, one.address, 53)).toBe(`own ${one.address}`);
    expect(await resolve(one.path, 'one')).toEqual([one.address]);
  });
});

function withResolv(text: string): string[] {
  const script = `printf '${text.replaceAll('\n', '\\n')}\\n' >/run/resolv-$$; mount --bind /run/resolv-$$ /etc/resolv.conf; rm /run/resolv-$$; exec "$@"`;
  return ['unshare', '-m', 'sh', '-ec', script, 'sh'];
}
