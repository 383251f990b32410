import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import type { Tsbuild } from '../support/cli.ts';
import { withNetworkCli, type NetworkCli } from '../support/network-cli.ts';
import { ask } from '../support/network-talk.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('networks of containers, from the start to the end', () => {
  let world: NetworkCli['world'];
  let cli: Tsbuild;
  let net: NetworkCli;
  withNetworkCli((made) => {
    net = made;
    ({ world, cli } = made);
  });

  it('C-71 restart and a restart policy keep the port, in a new namespace', async () => {
    await net.server('web', '-p', '8080:80', '--restart', 'always');
    const first = (await net.inspect('web')).State.Pid;
    // As long as it is open, no other namespace gets its number.
    const held = openSync(`/proc/${first}/ns/net`, 'r');
    using _held = { [Symbol.dispose]: () => closeSync(held) };
    await cli.ok(['restart', '-t', '0', 'web']);
    await expect.poll(() => ask(world.host.path, '127.0.0.1', 8080)).toBe('web');
    const second = (await net.inspect('web')).State.Pid;
    expect(statSync(`/proc/${second}/ns/net`).ino).not.toBe(fstatSync(held).ino);
    process.kill(second, 'SIGKILL');
    await expect.poll(async () => (await net.inspect('web')).State.Pid).not.toBe(second);
    await expect.poll(() => ask(world.host.path, '127.0.0.1', 8080)).toBe('web');
    expect(await cli.ok(['port', 'web', '80/tcp'])).toBe('0.0.0.0:8080');
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

  it('R-53 a killed command or monitor leaves no link, rule or forwarding after the next command', async () => {
    await net.server('back', '-p', '8080:80');
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
      .poll(async () => (await cli.ok(['ps', '-q'])) === '' && (await world.traces()) === net.before)
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
