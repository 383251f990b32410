import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { hostAddress, internetAddress } from '../support/network-world.ts';
import { ask as askThere, serve } from '../support/network-talk.ts';
import { requires } from '../support/requires.ts';
import { UserWorld } from '../support/user-world.ts';

const others = { pasta: 'slirp4netns', slirp4netns: 'pasta' } as const;

function needs(): void {
  requires('root', 'overlay', 'tool:busybox', 'tool:setpriv', 'tool:newuidmap', 'tool:ip', 'tool:nsenter');
  requires('tool:pasta', 'tool:slirp4netns');
}

/**
 * Shell command that asks a server of `serve`, or a container of `serving`. Its side stays open until it is answered:
 * pasta of 2023 loses the answer to whoever has ended his side before.
 */
function talk(address: string, port = 80): string {
  const asked = `${opened}; timeout 60 nc ${address} ${port} 0<>/tmp/open 2>/dev/null`;
  // A container that was just started may not listen yet.
  return `for i in $(seq 300); do ${asked} | grep . && break; sleep 0.1; done`;
}

/** Of one that must not answer. */
function talkInVain(address: string, port: number): string {
  return `${opened}; timeout 3 nc ${address} ${port} 0<>/tmp/open 2>/dev/null || true`;
}

const opened = '[ -p /tmp/open ] || mkfifo /tmp/open';

function serving(name: string): string[] {
  return ['busybox:1', 'nc', '-ll', '-p', '80', '-e', 'echo', name];
}

async function until(what: () => boolean): Promise<void> {
  await expect.poll(what).toBe(true);
}

describe.each(['pasta', 'slirp4netns'] as const)('networks of an ordinary user behind %s', (program) => {
  needs();
  const firstId = program === 'pasta' ? 8_200_000 : 8_300_000;
  let place: UserWorld;
  let cli: Tsbuild;
  const servers: Disposable[] = [];
  beforeAll(async () => {
    place = await UserWorld.make({ firstId, without: [others[program]] });
    cli = await tsbuildWithBusybox(place.user.store, place.through);
    const { host, internet } = place.world;
    servers.push(await serve(internet.path, { name: 'internet', port: 80 }));
    servers.push(await serve(internet.path, { name: 'internet', port: 53, protocol: 'udp' }));
    servers.push(await serve(host.path, { name: 'loopback', port: 81, address: '127.0.0.1' }));
  });
  afterEach(async () => {
    const ids = (await cli.ok(['ps', '-aq'])).split('\n').filter(Boolean);
    if (ids.length > 0) await cli.ok(['rm', '-f', ...ids]);
    await until(() => place.processes().length === 0);
    expect(readdirSync(join(place.user.runtimeFolder, 'tsbuild/network'))).toEqual(['lock']);
  });
  afterAll(async () => {
    for (const each of servers) each[Symbol.dispose]();
    await place[Symbol.asyncDispose]();
  });

  const sh = (script: string, ...flags: readonly string[]): Promise<string> =>
    cli.ok(['run', '--rm', ...flags, 'busybox:1', 'sh', '-c', script]);
  const programs = (): string[] => place.processes().filter((line) => line.includes('tap0'));
  /** Of a shell on the host. */
  const ask = async (address: string, port: number): Promise<string> =>
    (await place.world.onHost(`echo | busybox nc -w 10 ${address} ${port} || true`)).trim();

  const networkOf = async (name: string): Promise<string> => {
    const [found] = JSON.parse(await cli.ok(['inspect', name])) as [
      { readonly State: { readonly Pid: number } },
    ];
    return `/proc/${found.State.Pid}/ns/net`;
  };

  it('R-53 R-54 a container reaches the world and not the host’s loopback', async () => {
    const gateways = '10.88.0.1 10.89.255.1 10.89.255.2 127.0.0.1';
    const script = `${talk(internetAddress)}; for at in ${gateways}; do timeout 1 nc $at 81 0<>/tmp/open; done; ip -4 address`;
    const output = await sh(`(${script}) 2>/dev/null`);
    expect(output).toMatch(new RegExp(`^internet ${hostAddress}\n`));
    expect(output).not.toContain('loopback ');
    expect(output).toContain(' 10.88.0.2/24 ');
    await cli.ok(['run', '-d', '--name', 'one', 'busybox:1', 'sleep', '1000']);
    expect(await askThere(await networkOf('one'), internetAddress, 53, 'udp')).toBe(
      `internet ${hostAddress}`,
    );
  });

  it('R-54 a RUN step does so, too, and the build says nothing about it', async () => {
    const input = `FROM busybox:1\nRUN ${talk(internetAddress)}\nRUN ${talkInVain('10.89.255.1', 81)}; ip link | grep -c eth0\n`;
    const built = await runBuild(input);
    expect(built).toContain(` internet ${hostAddress}\n`);
    expect(built).toMatch(/^#\d+ \S+ 1$/m);
    expect(built).not.toMatch(/loopback |share the host/);
  });

  async function runBuild(input: string): Promise<string> {
    const { status, stderr } = await cli.run(['build', '--progress', 'plain', '-f', '-', place.user.home], {
      input,
    });
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    return stderr;
  }

  it('R-53 R-54 containers find each other by name, behind one program, whoever of them ends first', async () => {
    await cli.ok(['run', '-d', '--name', 'one', ...serving('this-is-one')]);
    await cli.ok(['run', '-d', '--name', 'two', ...serving('this-is-two')]);
    const before = programs();
    expect(await cli.ok(['exec', 'two', 'sh', '-c', talk('one')])).toBe('this-is-one');
    expect(await cli.ok(['exec', 'one', 'sh', '-c', talk('two')])).toBe('this-is-two');
    await cli.ok(['rm', '-f', 'one']);
    expect(programs()).toEqual(before);
    expect(await cli.ok(['exec', 'two', 'sh', '-c', talk(internetAddress)])).toBe(`internet ${hostAddress}`);
    await cli.ok(['run', '-d', '--name', 'three', ...serving('this-is-three')]);
    expect(await cli.ok(['exec', 'two', 'sh', '-c', talk('three')])).toBe('this-is-three');
    expect(programs()).toEqual(before);
  });

  it('R-53 R-54 published ports answer on the host’s addresses and its loopback', async () => {
    await cli.ok([
      'run',
      '-d',
      '--name',
      'web',
      '-p',
      '8080:80',
      '-p',
      '127.0.0.1:8081:80',
      ...serving('web'),
    ]);
    await expect.poll(() => ask('127.0.0.1', 8080)).toBe('web');
    expect(await ask('::1', 8080)).toBe('web');
    expect(await ask(hostAddress, 8080)).toBe('web');
    expect(await ask('127.0.0.1', 8081)).toBe('web');
    expect(await ask(hostAddress, 8081)).toBe('');
    await cli.ok(['run', '-d', '--name', 'datagrams', '-p', '8082:80/udp', 'busybox:1', 'sleep', '1000']);
    const inside = { name: 'datagrams', port: 80, protocol: 'udp' } as const;
    using _server = await serve(await networkOf('datagrams'), inside);
    expect(await askThere(place.world.host.path, '127.0.0.1', 8082, 'udp')).toBe('datagrams 10.88.0.1');
  });

  it('R-53 R-54 a port that is for root is refused, with the setting that opens it', async () => {
    const { status, stderr } = await cli.run(['run', '--rm', '-p', '90:80', 'busybox:1', 'true']);
    expect(status).toBe(125);
    expect(stderr).toMatch(
      /^tsbuild: port 90\/tcp cannot be published: ports below 1024 are for root \[PERMISSION_DENIED\]\n {2}cause: .*\n {2}hint: choose a host port from 1024 on, or as root: sysctl -w net\.ipv4\.ip_unprivileged_port_start=90\n$/,
    );
  });

  it('R-54 nothing is left of a build that is killed or interrupted', async () => {
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const child = cli.start(['build', '--progress', 'plain', '-f', '-', place.user.home]);
      child.stdin?.end(`FROM busybox:1\nRUN ${talk(internetAddress)}; echo ${signal}; sleep 1000\n`);
      let output = '';
      child.stderr?.setEncoding('latin1').on('data', (text: string) => (output += text));
      const ended = once(child, 'close');
      await until(() => output.includes(` ${signal}\n`));
      expect(programs()).not.toEqual([]);
      child.kill(signal);
      await ended;
      await until(() => place.processes().length === 0);
      // The next command takes the files away.
      await runBuild(`FROM busybox:1\nRUN echo ${signal}\n`);
    }
  });

  it('R-54 a container’s network ends with its killed monitor, another one’s goes on', async () => {
    await cli.ok(['run', '-d', '--name', 'one', ...serving('one')]);
    const [monitor = 0] = place.programs('node');
    await cli.ok(['run', '-d', '--name', 'two', '-p', '8080:80', ...serving('two')]);
    process.kill(monitor, 'SIGKILL');
    await until(() => !place.processes().some((line) => line.includes('-e echo one')));
    await expect.poll(() => ask('127.0.0.1', 8080)).toBe('two');
    expect(await cli.ok(['exec', 'two', 'sh', '-c', talk(internetAddress)])).toBe(`internet ${hostAddress}`);
    await cli.ok(['start', 'one']);
    expect(await cli.ok(['exec', 'two', 'sh', '-c', talk('one')])).toBe('one');
  });

  it('R-54 a program that died is started again by the next container, for all of them', async () => {
    await cli.ok(['run', '-d', '--name', 'one', ...serving('one')]);
    for (const pid of place.programs(program)) process.kill(pid, 'SIGKILL');
    await until(() => programs().length === 0);
    await cli.ok(['run', '-d', '--name', 'two', ...serving('two')]);
    for (const name of ['one', 'two'])
      expect(await cli.ok(['exec', name, 'sh', '-c', talk(internetAddress)])).toBe(`internet ${hostAddress}`);
  });
});

describe('an ordinary user’s networks where none of his own can be made', () => {
  needs();
  const cases = [
    {
      title: 'no program',
      options: { firstId: 8_400_000, without: ['pasta', 'slirp4netns'] },
      message: 'neither pasta nor slirp4netns is installed',
      hint: 'install the package passt or slirp4netns, or use --network host',
    },
    {
      title: 'a device that is closed to him',
      options: { firstId: 8_500_000, closedTun: true },
      message: '/dev/net/tun is not open to this user',
      hint: 'as root: chmod 666 /dev/net/tun, or use --network host',
    },
  ] as const;

  it.each(cases)('R-53 R-54 $title: the host’s, with a warning; an error when asked for', async (each) => {
    await using place = await UserWorld.make(each.options);
    const cli = await tsbuildWithBusybox(place.user.store, place.through);
    const plain = await cli.run(['run', '--rm', 'busybox:1', 'sh', '-c', 'ip -4 address']);
    expect(plain.stdout).toContain(` ${hostAddress}/24 `);
    expect(plain.stderr).toBe(
      `warning: no network of its own, the container shares the machine's: ${each.message}; ${each.hint}\n`,
    );
    for (const flags of [
      ['--network', 'bridge'],
      ['-p', '8080:80'],
    ]) {
      const { status, stderr } = await cli.run(['run', '--rm', ...flags, 'busybox:1', 'true']);
      expect(status).toBe(125);
      expect(stderr).toBe(
        `tsbuild: no network for containers can be set up: ${each.message} [NETWORK_UNAVAILABLE]\n  hint: ${each.hint}\n`,
      );
    }
    const input = 'FROM busybox:1\nRUN ip -4 address\nRUN true\n';
    const built = await cli.run(['build', '--progress', 'plain', '-f', '-', place.user.home], { input });
    expect(built.stderr).toContain(` ${hostAddress}/24 `);
    expect(
      built.stderr.split(`since none of their own can be set up: ${each.message}; ${each.hint}`),
    ).toHaveLength(2);
  });
});
