import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { ask, serve, serveNames } from '../support/network-talk.ts';
import { hostAddress, NetworkWorld } from '../support/network-world.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface Inspected {
  readonly Id: string;
  readonly State: { readonly Pid: number };
  readonly Config: { readonly Hostname: string; readonly ExposedPorts?: object };
  readonly HostConfig: { readonly NetworkMode: string; readonly PortBindings: object };
  readonly NetworkSettings: {
    readonly IPAddress: string;
    readonly Gateway: string;
    readonly MacAddress: string;
    readonly Ports: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    >;
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

describe('networks of containers', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:ip', 'tool:nft', 'tool:nsenter');
  let world: NetworkWorld;
  let cli: Tsbuild;
  let before: string;
  beforeAll(async () => {
    world = await NetworkWorld.make();
    cli = await tsbuildWithBusybox(undefined, ['nsenter', `--net=${world.host.path}`]);
    before = await world.traces();
  });
  afterEach(async () => {
    const names = (await cli.ok(['ps', '-aq'])).split('\n').filter(Boolean);
    if (names.length > 0) await cli.ok(['rm', '-f', ...names]);
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  /** A container in the background that says its name to whoever connects to port 80. */
  async function server(name: string, ...flags: readonly string[]): Promise<string> {
    const argv = ['run', '-d', '--name', name, ...flags, 'busybox:1', 'sh', '-c', serving(name)];
    const id = await cli.ok(argv);
    await expect.poll(() => inside(name, 'netstat -ltn | grep -c ":80 "'), { timeout: 20_000 }).toBe('1');
    return id;
  }

  const serving = (name: string): string => `exec nc -ll -p 80 -e sh -c "read x; echo ${name}"`;

  async function inside(name: string, script: string): Promise<string> {
    return (await cli.run(['exec', name, 'sh', '-c', script])).stdout.trim();
  }

  /** Shell script in a new container; its output, whatever becomes of it. */
  async function sh(script: string, ...flags: readonly string[]): Promise<string> {
    const { stdout, stderr } = await cli.run(['run', '--rm', ...flags, 'busybox:1', 'sh', '-c', script]);
    return (stdout + stderr).trim();
  }

  async function inspect(name: string): Promise<Inspected> {
    const [found] = JSON.parse(await cli.ok(['inspect', name])) as [Inspected];
    return found;
  }

  const talk = (address: string, port = 80): string => `echo | nc -w 3 ${address} ${port}`;

  it('R-53 C-71 a published port answers on the loopback, on the host’s address and from outside', async () => {
    // Every user may listen on the ports below 1024.
    const ports = ['-p', '8080:80', '-p', '127.0.0.1:8081:80/tcp', '--expose', '443-444'];
    await server('web', '-u', 'ada', ...ports);
    for (const address of ['127.0.0.1', '::1', hostAddress])
      expect(await ask(world.host.path, address, 8080), address).toBe('web');
    expect(await ask(world.internet.path, hostAddress, 8080)).toBe('web');
    expect(await ask(world.host.path, '127.0.0.1', 8081)).toBe('web');
    expect(await ask(world.internet.path, hostAddress, 8081)).toBe('nothing');
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

    const { NetworkSettings: settings, HostConfig, Config } = await inspect('web');
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
    const shown = await inside('web', 'ip -4 -o addr show eth0; ip -o link show eth0; ip route');
    for (const value of [settings.IPAddress, settings.Gateway, settings.MacAddress])
      expect(shown).toContain(value);
    expect(settings.Networks).toMatchObject({ bridge: { IPAddress: settings.IPAddress } });

    const taken = await cli.run(['run', '--rm', '-p', '8080:80', 'busybox:1', 'true']);
    expect(taken.status).toBe(125);
    expect(taken.stderr).toContain(
      'port 8080/tcp cannot be published: the container web has it [PORT_IN_USE]',
    );
    await cli.ok(['stop', '-t', '0', 'web']);
    expect(await ask(world.host.path, '127.0.0.1', 8080)).toBe('nothing');
    expect(await cli.ok(['port', 'web'])).toBe('');
    expect((await inspect('web')).NetworkSettings).toMatchObject({ IPAddress: '', Ports: {} });
  });

  it('C-71 containers find each other by name, id, host name and alias, and the host as host-gateway', async () => {
    const id = await server('db', '--hostname', 'store', '--network-alias', 'Sql');
    using _host = await serve(world.host.path, { name: 'host', port: 90 });
    const flags = ['--add-host', 'gate:host-gateway'];
    const names = ['db', id.slice(0, 12), 'store', 'sql'];
    const script = [...names.map((name) => talk(name)), talk('gate', 90)].join('; ');
    const said = (await sh(script, ...flags)).split('\n');
    expect(said).toEqual(['db', 'db', 'db', 'db', expect.stringMatching(/^host 10\.8[89]\./)]);
    expect(await inside('db', 'grep -w store /etc/hosts')).toBe(
      `${(await inspect('db')).NetworkSettings.IPAddress}\tstore`,
    );
  });

  it('C-71 --network container: shares the loopback, the names and the host name of another', async () => {
    const id = await server('one');
    const flags = ['--network', 'container:one'];
    const script = `${talk('127.0.0.1')}; hostname; cat /etc/hosts; readlink /proc/self/ns/net`;
    const [said, name, ...rest] = (await sh(script, ...flags)).split('\n');
    expect([said, name]).toEqual(['one', id.slice(0, 12)]);
    expect(rest.join('\n')).toBe(await inside('one', 'cat /etc/hosts; readlink /proc/self/ns/net'));
    await cli.ok(['create', '--name', 'two', ...flags, 'busybox:1', 'true']);
    expect((await inspect('two')).HostConfig.NetworkMode).toBe(`container:${id}`);
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
    await using _abstract = await abstractListener(world.host.path, name);
    using _tcp = await serve(world.host.path, { name: 'secret', port: 81, address: '127.0.0.1' });
    const script = `${talk('127.0.0.1', 81)}; ${talk('$GATE', 81)}; grep -o ${name} /proc/net/unix || echo none`;
    const gate = 'GATE=$(ip route | sed -n "s/default via \\([^ ]*\\).*/\\1/p")';
    const apart = await sh(`${gate}; ${script}`);
    expect(apart).not.toContain('secret');
    expect(apart).toContain('none');
    const shared = await sh(script, '--network', 'host', '-e', 'GATE=127.0.0.1');
    expect(shared.split('\n')).toEqual(['secret 127.0.0.1', 'secret 127.0.0.1', name]);
  });

  it('C-71 restart and a restart policy keep the port, in a new namespace', async () => {
    await server('web', '-p', '8080:80', '--restart', 'always');
    const first = (await inspect('web')).State.Pid;
    // As long as it is open, no other namespace gets its number.
    const held = openSync(`/proc/${first}/ns/net`, 'r');
    using _held = { [Symbol.dispose]: () => closeSync(held) };
    await cli.ok(['restart', '-t', '0', 'web']);
    await expect.poll(() => ask(world.host.path, '127.0.0.1', 8080), { timeout: 20_000 }).toBe('web');
    const second = (await inspect('web')).State.Pid;
    expect(statSync(`/proc/${second}/ns/net`).ino).not.toBe(fstatSync(held).ino);
    process.kill(second, 'SIGKILL');
    await expect.poll(async () => (await inspect('web')).State.Pid, { timeout: 20_000 }).not.toBe(second);
    await expect.poll(() => ask(world.host.path, '127.0.0.1', 8080), { timeout: 20_000 }).toBe('web');
    expect(await cli.ok(['port', 'web', '80/tcp'])).toBe('0.0.0.0:8080');
  });

  it('R-42 --dns names the servers that are asked for what no container is called', async () => {
    using _names = await serveNames(world.host.path, '192.0.2.7');
    const resolved = await sh('nslookup -type=a example.org; cat /etc/resolv.conf', '--dns', '127.0.0.1');
    expect(resolved).toContain('192.0.2.7');
    expect(resolved).toContain('nameserver 127.0.0.11\noptions ndots:0');
  });

  it('C-71 -P publishes what the image and --expose name, at free ports', async () => {
    const dockerfile = 'FROM busybox:1\nEXPOSE 80 53/udp 90\n';
    await cli.ok(['build', '-t', 'exposing', makeContext({ Dockerfile: dockerfile })]);
    const argv = ['-P', '-p', '9090:90', '--expose', '91', 'exposing', 'sleep', '1000'];
    await cli.ok(['run', '-d', '--name', 'all', ...argv]);
    const { Ports } = (await inspect('all')).NetworkSettings;
    expect(Object.keys(Ports)).toEqual(['53/udp', '80/tcp', '90/tcp', '91/tcp']);
    expect(Ports['90/tcp']).toEqual([{ HostIp: '0.0.0.0', HostPort: '9090' }]);
    for (const name of ['53/udp', '80/tcp', '91/tcp']) {
      expect(Ports[name]).toEqual([
        { HostIp: '0.0.0.0', HostPort: expect.stringMatching(/^\d{4,5}$/) as string },
      ]);
    }
  });

  it('where no network can be had, the host’s is shared with a warning, unless one was asked for', async () => {
    await world.onHost(
      'nft add table inet fence',
      "nft 'add chain inet fence forward { type filter hook forward priority 0; policy drop; }'",
    );
    try {
      const { status, stdout, stderr } = await cli.run([
        'run',
        '--rm',
        'busybox:1',
        'sh',
        '-c',
        'readlink /proc/self/ns/net; cat /etc/resolv.conf',
      ]);
      expect(status).toBe(0);
      expect(stdout).toContain(`net:[${statSync(world.host.path).ino}]`);
      expect(stdout).toContain(readFileSync('/etc/resolv.conf', 'utf8'));
      expect(stderr).toMatch(
        /^warning: no network of its own, the container shares the machine's: the firewall \(fence forward\) [^\n]*\n$/,
      );
      for (const flags of [
        ['--network', 'bridge'],
        ['-p', '80'],
        ['--sysctl', 'net.core.somaxconn=1024'],
      ]) {
        const refused = await cli.run(['run', '--rm', ...flags, 'busybox:1', 'true']);
        expect([refused.status, refused.stderr]).toEqual([
          125,
          expect.stringContaining('[NETWORK_UNAVAILABLE]'),
        ]);
      }
    } finally {
      await world.onHost('nft delete table inet fence');
    }
  });

  it('warns of ports that cannot be published, and of a proxy out of reach', async () => {
    const warned = async (...flags: readonly string[]): Promise<string> => {
      const { status, stderr } = await cli.run(['run', '--rm', ...flags, 'busybox:1', 'true']);
      expect(status).toBe(0);
      return stderr;
    };
    expect(await warned('--network', 'host', '-p', '80')).toBe(
      "warning: no port is published with --network host: it has the machine's own ports\n",
    );
    expect(await warned('--network', 'none', '-p', '80')).toContain('no port is published');
    expect(await warned('-e', 'http_proxy=http://localhost:3128')).toMatch(
      /^warning: http_proxy points to the host's loopback, [^\n]*use --network host[^\n]*\n$/,
    );
  });

  it('R-15 a container in a user namespace is connected when it has made its network', async () => {
    const flags = ['-p', '8080:80', '--cap-add', 'NET_ADMIN'];
    await cli.ok(['create', '--name', 'own', ...flags, 'busybox:1', 'sh', '-c', serving('own')]);
    inUserNamespace(join(cli.root, 'containers', (await inspect('own')).Id, 'container.json'));
    await cli.ok(['start', 'own']);
    await expect.poll(() => ask(world.host.path, '127.0.0.1', 8080), { timeout: 20_000 }).toBe('own');
    // Root of the user namespace has its network as its own.
    const changed =
      'ls /sys/class/net; nslookup -type=a own | grep -c 10.8; ip link set lo down && echo down';
    expect(await inside('own', changed)).toBe('eth0\nlo\n1\ndown');
    await cli.ok(['rm', '-f', 'own']);
    await expect.poll(() => world.traces(), { timeout: 20_000 }).toBe(before);
  });

  it('R-53 a killed command or monitor leaves no link, rule or forwarding after the next command', async () => {
    await server('back', '-p', '8080:80');
    const argv = [
      'run',
      '--rm',
      '--name',
      'front',
      '-p',
      '8081:80',
      'busybox:1',
      'sh',
      '-c',
      'echo up; sleep 1000',
    ];
    const child = cli.start(argv);
    if (child.stdout !== null) await once(child.stdout, 'data');
    const holders = holdersOf(cli.root);
    expect(holders.length).toBe(2);
    for (const pid of holders) process.kill(pid, 'SIGKILL');
    await expect
      .poll(async () => (await cli.ok(['ps', '-q'])) === '' && (await world.traces()) === before, {
        timeout: 30_000,
      })
      .toBe(true);
    await cli.ok(['start', 'back']);
    expect(await ask(world.host.path, '127.0.0.1', 8080)).toBe('back');
  });

  it('O-42 a bundle of a container on the bridge has an empty network namespace', async () => {
    const folder = `${tempFolder('bundle').path}/bundle`;
    await cli.ok(['run', '--print-bundle', folder, 'busybox:1', 'true']);
    const config = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8')) as {
      linux: { namespaces: { type: string; path?: string }[] };
    };
    expect(config.linux.namespaces).toContainEqual({ type: 'network' });
    expect(readFileSync(`${folder}/files/hosts`, 'utf8')).toMatch(/^127\.0\.0\.1\tlocalhost\n/);
  });
});

/** Every id of the machine as itself, in a user namespace. */
function inUserNamespace(path: string): void {
  const record = JSON.parse(readFileSync(path, 'utf8')) as {
    spec: { config: { linux: { namespaces: object[]; sysctl: Record<string, string> } } };
  };
  const { linux } = record.spec.config;
  const all = [{ containerID: 0, hostID: 0, size: 65536 }];
  const { 'net.ipv4.ping_group_range': _, ...sysctl } = linux.sysctl;
  Object.assign(linux, { uidMappings: all, gidMappings: all, sysctl });
  linux.namespaces.push({ type: 'user' });
  writeFileSync(path, JSON.stringify(record));
}

/** The processes that look after the containers of a store. */
function holdersOf(root: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        return /monitor\.cjs|tsbuild\.js/.test(line) && line.includes(root);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** A program on an abstract socket of a network namespace. */
async function abstractListener(path: string, name: string): Promise<AsyncDisposable> {
  const program = `require('net').createServer().listen('\\0${name}', () => console.log('up'))`;
  const child = spawn('nsenter', [`--net=${path}`, process.execPath, '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
