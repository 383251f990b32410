import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { unavailableError } from '../../src/network/index.ts';
import { ask, serve } from '../support/network-talk.ts';
import {
  hostAddress,
  internetAddress,
  withNetworkWorld,
  type NetworkWorld,
} from '../support/network-world.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('opening a network', () => {
  let world: NetworkWorld;
  withNetworkWorld((made) => {
    world = made;
  });

  it.each([
    [
      'privilege',
      ['setpriv', '--bounding-set', '-net_admin,-sys_admin', '--inh-caps', '-net_admin,-sys_admin'],
    ],
    ['forwarding', ['unshare', '-m', 'sh', '-ec', 'mount --bind -r /proc/sys /proc/sys; exec "$@"', 'sh']],
  ] as const)('says %s when that is missing, and leaves nothing', async (reason, wrap) => {
    const before = await world.traces();
    const opened = await world.agent(wrap).open('steps');
    expect(opened).toMatchObject({ available: false, reason });
    expect(await world.traces()).toBe(before);
  });

  it('says forward-policy of a firewall that is not iptables’, and leaves nothing', async () => {
    await world.onHost(
      'nft add table inet fence',
      "nft 'add chain inet fence forward { type filter hook forward priority 0; policy drop; }'",
    );
    const before = await world.traces();
    expect(await world.agent().open('steps')).toMatchObject({
      available: false,
      reason: 'forward-policy',
      message: 'the firewall (fence forward) drops what is forwarded between links',
    });
    expect(await world.traces()).toBe(before);
  });

  it('says subnet when the host has routes to all of them', async () => {
    await world.onHost(`ip route add 10.88.0.0/15 via ${internetAddress}`);
    expect(await world.agent().open('steps')).toMatchObject({ available: false, reason: 'subnet' });
  });

  it('gives an error to those who cannot fall back', () => {
    const error = unavailableError({ available: false, reason: 'bridge', message: 'none', hint: 'load it' });
    expect(error).toMatchObject({
      code: 'NETWORK_UNAVAILABLE',
      message: 'no network for containers can be set up: none',
      hint: 'load it',
    });
  });

  it('takes a subnet to which the host has no route', async () => {
    await world.onHost(`ip route add 10.88.0.0/23 via ${internetAddress}`);
    expect((await world.agent().open('steps')).gateway).toBe('10.88.2.1');
  });

  it('takes a subnet of its own beside other state folders, opened at once', async () => {
    const agents = Array.from({ length: 4 }, () => world.agent([], tempFolder('network').path));
    const opened = await Promise.all(agents.map((agent) => agent.open('containers')));
    expect(new Set(opened.map(({ gateway }) => gateway)).size).toBe(4);
    expect(new Set(opened.map(({ bridge }) => bridge)).size).toBe(4);
  });

  it('has packets no larger than the way out takes', async () => {
    await world.onHost('ip link set eth0 mtu 1380');
    const agent = world.agent();
    await agent.open('steps');
    const { path } = await agent.attach();
    expect(await world.onHost(`nsenter --net=${path} ip link show eth0`)).toContain('mtu 1380');
  });

  it.each([
    ['iptables-nft', []],
    ['iptables-nft', ['-N DOCKER-USER', '-I FORWARD -j DOCKER-USER']],
    ['iptables-legacy', []],
  ])('is let through where %s drops, with %j, as long as someone uses it', async (tool, commands) => {
    requires(`tool:${tool}`);
    await world.onHost(`${tool} -P FORWARD DROP`, ...commands.map((command) => `${tool} ${command}`));
    const rules = `${tool} -S`;
    const before = await world.onHost(rules);
    using _internet = await serve(world.internet.path, { name: 'internet', port: 80 });
    const [first, second] = [world.agent(), world.agent()];
    const { bridge } = await first.open('steps');
    const step = await first.attach();
    expect(await ask(step.path, internetAddress, 80)).toBe(`internet ${hostAddress}`);
    const open = await world.onHost(rules);
    expect(open.split('\n').filter((line) => line.includes(bridge)).length).toBe(2);
    expect(open).toContain(`-A ${commands.length > 0 ? 'DOCKER-USER' : 'FORWARD'} -i ${bridge} -j ACCEPT`);
    await second.open('steps');
    expect(await world.onHost(rules)).toBe(open);
    await first.kill();
    expect(await world.onHost(rules)).toBe(open);
    await second.close();
    expect(await world.onHost(rules)).toBe(before);
  });

  it('R-53 is let through where Docker runs, whose rules are as before when it closes', async () => {
    requires('docker', 'tool:iptables');
    await using _docker = await startDockerd(world);
    const rules = 'iptables -S';
    const before = await world.onHost(rules);
    expect(before).toContain('-P FORWARD DROP');
    using _internet = await serve(world.internet.path, { name: 'internet', port: 80 });
    const agent = world.agent();
    await agent.open('steps');
    const step = await agent.attach();
    expect(await ask(step.path, internetAddress, 80)).toBe(`internet ${hostAddress}`);
    await agent.close();
    expect(await world.onHost(rules)).toBe(before);
  });
});

/** Debian's dockerd on the world's host, with its bridge and its firewall. */
async function startDockerd(world: NetworkWorld): Promise<AsyncDisposable> {
  const folder = tempFolder('dockerd').path;
  const args = [
    '--data-root',
    'data',
    '--exec-root',
    'exec',
    '--pidfile',
    'pid',
    '--host',
    'unix://socket',
  ].map((word) => (word.startsWith('--') ? word : word.replace(/^(unix:\/\/)?/, `$1${folder}/`)));
  writeFileSync(join(folder, 'daemon.json'), '{}');
  const command = [
    'setpriv',
    '--pdeathsig',
    'TERM',
    'dockerd',
    '--config-file',
    join(folder, 'daemon.json'),
    ...args,
  ];
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const child = spawn('nsenter', [`--net=${world.host.path}`, ...command], {
    stdio: 'ignore',
    env: { ...process.env, PATH: path },
  });
  const ended = once(child, 'exit');
  const isUp = async (): Promise<void> => {
    const version = await runCommand(['docker', '--host', `unix://${folder}/socket`, 'version']);
    expect(version.stderr + version.stdout).toContain('Server:');
  };
  await vi.waitFor(isUp, { timeout: 60_000, interval: 300 });
  return {
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.kill('SIGTERM')) await ended;
    },
  };
}
