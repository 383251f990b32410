import { describe, expect, it } from 'vitest';

import type { Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { talk, withNetworkCli, type NetworkCli } from '../support/network-cli.ts';
import { ask, askInVain, listenAbstract, serve, serveNames } from '../support/network-talk.ts';
import { hostAddress } from '../support/network-world.ts';

describe('networks of containers', () => {
  let world: NetworkCli['world'];
  let cli: Tsbuild;
  let net: NetworkCli;
  withNetworkCli((made) => {
    net = made;
    ({ world, cli } = made);
  });

  it('R-53 C-71 a published port answers on the loopback, on the host’s address and from outside', async () => {
    // Every user may listen on the ports below 1024.
    const ports = ['-p', '8080:80', '-p', '127.0.0.1:8081:80/tcp', '--expose', '443-444'];
    await net.server('web', '-u', 'ada', ...ports);
    for (const address of ['127.0.0.1', '::1', hostAddress])
      expect(await ask(world.host.path, address, 8080), address).toBe('web');
    expect(await ask(world.internet.path, hostAddress, 8080)).toBe('web');
    expect(await ask(world.host.path, '127.0.0.1', 8081)).toBe('web');
    expect(await askInVain(world.internet.path, hostAddress, 8081)).toBe('nothing');
    expect(await cli.ok(['port', 'web'])).toBe('80/tcp -> 0.0.0.0:8080\n80/tcp -> 127.0.0.1:8081');
    expect(await cli.ok(['port', 'web', '80'])).toBe('0.0.0.0:8080\n127.0.0.1:8081');
    const none = await cli.run(['port', 'web', '80/udp']);
    expect([none.status, none.stderr]).toEqual([
      1,
      expect.stringContaining('no port 80/udp [CONTAINER_STATE]'),
    ]);
    const [row] = (await cli.ok(['ps', '--format', 'json']))
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(row).toMatchObject({ Ports: '0.0.0.0:8080->80/tcp, 127.0.0.1:8081->80/tcp, 443-444/tcp' });
    expect(await cli.ok(['ps'])).toContain('0.0.0.0:8080->80/tcp');
    for (const [filter, count] of [
      ['publish=80', 1],
      ['publish=79-81/tcp', 1],
      ['publish=443', 0],
      ['publish=80/udp', 0],
      ['expose=443', 1],
      ['expose=1-79', 0],
      ['network=bridge', 1],
      ['network=host', 0],
    ] as const) {
      const shown = (await cli.ok(['ps', '-q', '-f', filter])).split('\n').filter(Boolean);
      expect(shown.length, filter).toBe(count);
    }

    const { NetworkSettings: settings, HostConfig, Config } = await net.inspect('web');
    expect(HostConfig).toMatchObject({
      NetworkMode: 'bridge',
      PortBindings: {
        '80/tcp': [
          { HostIp: '', HostPort: '8080' },
          { HostIp: '127.0.0.1', HostPort: '8081' },
        ],
      },
    });
    expect(Config.ExposedPorts).toEqual({ '80/tcp': {}, '443/tcp': {}, '444/tcp': {} });
    expect(settings.Ports).toEqual({
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '127.0.0.1', HostPort: '8081' },
      ],
      '443/tcp': null,
      '444/tcp': null,
    });
    const shown = await net.inside('web', 'ip -4 -o addr show eth0; ip -o link show eth0; ip route');
    for (const value of [settings.IPAddress, settings.Gateway, settings.MacAddress])
      expect(shown).toContain(value);
    expect(settings.Networks).toMatchObject({ bridge: { IPAddress: settings.IPAddress } });

    const taken = await cli.run(['run', '--rm', '-p', '8080:80', 'busybox:1', 'true']);
    expect(taken.status).toBe(125);
    expect(taken.stderr).toContain(
      'port 8080/tcp cannot be published: the container web has it [PORT_IN_USE]',
    );
    await cli.ok(['stop', '-t', '0', 'web']);
    expect(await askInVain(world.host.path, '127.0.0.1', 8080)).toBe('nothing');
    expect(await cli.ok(['port', 'web'])).toBe('');
    expect((await net.inspect('web')).NetworkSettings).toMatchObject({ IPAddress: '', Ports: {} });
  });

  it('C-71 containers find each other by name, id, host name and alias, and the host as host-gateway', async () => {
    const id = await net.server('db', '--hostname', 'store', '--network-alias', 'Sql');
    using _host = await serve(world.host.path, { name: 'host', port: 90 });
    const flags = ['--add-host', 'gate:host-gateway'];
    const names = ['db', id.slice(0, 12), 'store', 'sql'];
    const script = [...names.map((name) => talk(name)), talk('gate', 90)].join('; ');
    const said = (await net.sh(script, ...flags)).split('\n');
    expect(said).toEqual(['db', 'db', 'db', 'db', expect.stringMatching(/^host 10\.8[89]\./)]);
    expect(await net.inside('db', 'grep -w store /etc/hosts')).toBe(
      `${(await net.inspect('db')).NetworkSettings.IPAddress}\tstore`,
    );
  });

  it('C-71 --network container: shares the loopback, the names and the host name of another', async () => {
    const id = await net.server('one');
    const flags = ['--network', 'container:one'];
    const script = `${talk('127.0.0.1')}; hostname; cat /etc/hosts; readlink /proc/self/ns/net`;
    const [said, name, ...rest] = (await net.sh(script, ...flags)).split('\n');
    expect([said, name]).toEqual(['one', id.slice(0, 12)]);
    expect(rest.join('\n')).toBe(await net.inside('one', 'cat /etc/hosts; readlink /proc/self/ns/net'));
    await cli.ok(['run', '-d', '--name', 'beside', ...flags, 'busybox:1', 'sleep', '1000']);
    expect(await net.inside('beside', talk('127.0.0.1'))).toBe('one');
    await cli.ok(['create', '--name', 'two', ...flags, 'busybox:1', 'true']);
    expect((await net.inspect('two')).HostConfig.NetworkMode).toBe(`container:${id}`);
    const bundle = await cli.run(['run', ...flags, '--print-bundle', '/no/such', 'busybox:1', 'true']);
    expect(bundle.stderr).toContain('use --network host or none');
    await cli.ok(['stop', '-t', '0', 'one']);
    const { status, stderr } = await cli.run(['start', 'two']);
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining(
        'the network of container one cannot be joined: it is not running [CONTAINER_STATE]',
      ),
    ]);
    const unknown = await cli.run(['create', '--network', 'container:nobody', 'busybox:1']);
    expect(unknown.stderr).toContain('no such container: nobody');
  });

  it('R-53 CVE-2020-15257 the loopback of the host and its abstract sockets are out of reach, unless it is the host’s network', async () => {
    const name = `tsbuild-test-${process.pid}`;
    await using _abstract = await listenAbstract(world.host.path, name);
    using _tcp = await serve(world.host.path, { name: 'secret', port: 81, address: '127.0.0.1' });
    const script = `${talk('127.0.0.1', 81)}; ${talk('$GATE', 81, 3)}; grep -o ${name} /proc/net/unix || echo none`;
    const gate = 'GATE=$(ip route | sed -n "s/default via \\([^ ]*\\).*/\\1/p")';
    const apart = await net.sh(`${gate}; ${script}`);
    expect(apart).not.toContain('secret');
    expect(apart).toContain('none');
    const shared = await net.sh(script, '--network', 'host', '-e', 'GATE=127.0.0.1');
    expect(shared.split('\n')).toEqual(['secret 127.0.0.1', 'secret 127.0.0.1', name]);
  });

  it('R-42 --dns names the servers that are asked for what no container is called', async () => {
    using _names = await serveNames(world.host.path, '192.0.2.7');
    const resolved = await net.sh('nslookup -type=a example.org; cat /etc/resolv.conf', '--dns', '127.0.0.1');
    expect(resolved).toContain('192.0.2.7');
    expect(resolved).toContain('nameserver 127.0.0.11\noptions ndots:0');
  });

  it('C-71 -P publishes what the image and --expose name, at free ports', async () => {
    const dockerfile = 'FROM busybox:1\nEXPOSE 80 53/udp 90\n';
    await cli.ok(['build', '-t', 'exposing', makeContext({ Dockerfile: dockerfile })]);
    const argv = ['-P', '-p', '9090:90', '--expose', '91', 'exposing', 'sleep', '1000'];
    await cli.ok(['run', '-d', '--name', 'all', ...argv]);
    const { Ports } = (await net.inspect('all')).NetworkSettings;
    expect(Object.keys(Ports)).toEqual(['53/udp', '80/tcp', '90/tcp', '91/tcp']);
    expect(Ports['90/tcp']).toEqual([{ HostIp: '0.0.0.0', HostPort: '9090' }]);
    for (const name of ['53/udp', '80/tcp', '91/tcp']) {
      expect(Ports[name]).toEqual([
        { HostIp: '0.0.0.0', HostPort: expect.stringMatching(/^\d{4,5}$/) as string },
      ]);
    }
  });
});
