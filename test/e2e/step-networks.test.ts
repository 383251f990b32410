import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { sleeper, until } from '../support/holdings.ts';
import { listenAbstract, serve, serveNames } from '../support/network-talk.ts';
import { hostAddress, internetAddress, NetworkWorld } from '../support/network-world.ts';
import { stepOutcomes } from '../support/progress-lines.ts';
import { requires } from '../support/requires.ts';

/** What the server there answers, or `nothing`; `within`: seconds, which one that must not answer takes. */
function talk(address: string, port: number, within = 60): string {
  return `{ echo | nc -w ${within} ${address} ${port} 2>/dev/null || echo nothing; }`;
}

/** The addresses of a step's own network that are not loopback. */
const ownAddress = "ip -4 -o addr show eth0 | sed 's/.*inet \\([^/]*\\).*/\\1/'";

describe('networks of RUN steps', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:ip', 'tool:nft', 'tool:nsenter');
  let world: NetworkWorld;
  let through: readonly string[];
  let cli: Tsbuild;
  let before: string;
  beforeAll(async () => {
    world = await NetworkWorld.make();
    through = ['nsenter', `--net=${world.host.path}`];
    cli = await tsbuildWithBusybox(undefined, through);
    before = await world.traces();
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  function contextOf(...lines: readonly string[]): string {
    return makeContext({ Dockerfile: ['FROM busybox:1', ...lines, ''].join('\n') });
  }

  /** What the RUN steps print, line by line, and the warnings. */
  async function build(
    lines: readonly string[],
    flags: readonly string[] = [],
    by = cli,
  ): Promise<{ readonly printed: string[]; readonly warnings: string[] }> {
    const { status, stderr } = await by.run(['build', '--no-cache', ...flags, contextOf(...lines)]);
    expect(status, stderr).toBe(0);
    return {
      printed: [...stderr.matchAll(/^#\d+ \d+\.\d+ (.*)$/gm)].map(([, text = '']) => text),
      warnings: [...stderr.matchAll(/^warning: .*$/gm)].map(([text]) => text),
    };
  }

  async function inodesOf(lines: readonly string[], flags: readonly string[] = []): Promise<string[]> {
    const { printed } = await build(lines, flags);
    return printed.flatMap((line) => /net:\[(\d+)\]/.exec(line)?.[1] ?? []);
  }

  it('R-53 CVE-2020-15257 have a way out, and neither the host’s loopback nor its abstract sockets unless asked for', async () => {
    using _out = await serve(world.internet.path, { name: 'internet', port: 80 });
    using _host = await serve(world.host.path, { name: 'secret', port: 81, address: '127.0.0.1' });
    using _open = await serve(world.host.path, { name: 'open', port: 82 });
    const name = `tsbuild-test-${process.pid}`;
    await using _abstract = await listenAbstract(world.host.path, name);
    const script = [talk(internetAddress, 80), talk('127.0.0.1', 81), talk('gate', 82)].join('; ');
    const run = (flags: string): string =>
      `RUN ${flags} ${script}; grep -o ${name} /proc/net/unix || echo none`;
    const gate = ['--add-host', 'gate:host-gateway'];
    const shared = [`internet ${hostAddress}`, 'secret 127.0.0.1', 'open 127.0.0.1', name];

    const apart = await build([run('')], gate);
    expect(apart.printed).toEqual([
      `internet ${hostAddress}`,
      'nothing',
      expect.stringMatching(/^open 10\.8[89]\.\d+\.\d+$/),
      'none',
    ]);
    expect(apart.warnings).toEqual([]);
    expect((await build([run('')], [...gate, '--network', 'host'])).printed).toEqual(shared);
    const allowed = [...gate, '--allow', 'network.host'];
    expect((await build([run('--network=host')], allowed)).printed).toEqual(shared);
    const refused = await cli.run(['build', contextOf(run('--network=host'))]);
    expect(refused.stderr).toContain('network.host');
    expect(await world.traces()).toBe(before);
  });

  it('R-53 two steps at once have one each, and do not reach each other', async () => {
    const meet = (own: string, other: string): string =>
      `RUN --mount=type=cache,target=/c nc -ll -p 80 -e echo ${own} & ` +
      `until netstat -ltn | grep -q ":80 "; do sleep 0.05; done; ${ownAddress} >/c/${own}; ` +
      `until [ -s /c/${other} ]; do sleep 0.05; done; readlink /proc/self/ns/net; echo; ` +
      `${talk('127.0.0.1', 80)}; ${talk(`$(cat /c/${other})`, 80, 2)}; ` +
      `touch /c/${own}-done; until [ -e /c/${other}-done ]; do sleep 0.05; done; touch /${own}`;
    const lines = [meet('one', 'two'), 'FROM busybox:1 AS b', meet('two', 'one'), 'FROM busybox:1'];
    const dockerfile = ['FROM busybox:1 AS a', ...lines, 'COPY --from=a /one /', 'COPY --from=b /two /', ''];
    const context = makeContext({ Dockerfile: dockerfile.join('\n') });
    const { status, stderr } = await cli.run(['build', '--jobs', '2', context]);
    expect(status, stderr).toBe(0);
    const said = (text: string): number =>
      stderr.match(new RegExp(`^#\\d+ [0-9.]+ ${text}$`, 'gm'))?.length ?? 0;
    expect([said('one'), said('two'), said('nothing')]).toEqual([1, 1, 2]);
    expect(new Set(stderr.match(/net:\[\d+\]/g)).size).toBe(2);
    expect(await world.traces()).toBe(before);
  });

  it('R-53 one after the other they take turns with few, but with none that a step could change', async () => {
    const print = 'RUN readlink /proc/self/ns/net';
    const plain = await inodesOf(Array.from({ length: 5 }, (_, number) => `${print} # ${number}`));
    expect(plain).toHaveLength(5);
    expect(new Set(plain).size).toBeLessThan(4);
    const change = 'ip addr add 10.9.9.9/32 dev lo';
    // Their numbers say nothing here: one that has gone leaves its own to the next.
    const lines = [`RUN --security=insecure ${change}; ip addr | grep -c 10.9.9.9`];
    lines.push(
      ...['RUN ip addr | grep -c 10.9.9.9 || true', 'RUN ip addr | grep -c 10.9.9.9 || true # again'],
    );
    const flags = ['--allow', 'security.insecure', '--jobs', '1'];
    const { printed } = await build(lines, flags);
    expect(printed).toEqual(['1', '0', '0']);
  });

  it('R-26 every user may ping and listen on low ports there, as in Docker’s', async () => {
    const files = ['ping_group_range', 'ip_unprivileged_port_start'].map(
      (name) => `/proc/sys/net/ipv4/${name}`,
    );
    const { printed } = await build([
      'USER ada',
      `RUN cat ${files.join(' ')}; nc -l -p 80 & until netstat -ltn | grep -q :80; do sleep 0.05; done; echo 1`,
    ]);
    expect(printed).toEqual(['0\t2147483647', '0', '1']);
  });

  it('R-42 steps find names through the host’s resolver on its loopback', async () => {
    using _names = await serveNames(world.host.path, '192.0.2.7');
    const script =
      'echo "nameserver 127.0.0.1" >/run/$$; mount --bind /run/$$ /etc/resolv.conf; rm /run/$$; exec "$@"';
    const local = tsbuild(cli.root, [...through, 'unshare', '-m', 'sh', '-ec', script, 'sh']);
    const { printed } = await build(['RUN cat /etc/resolv.conf; nslookup -type=a example.org'], [], local);
    expect(printed[0]).toBe('nameserver 127.0.0.11');
    expect(printed).toContain('Address: 192.0.2.7');
    const shared = await build(['RUN cat /etc/resolv.conf'], ['--network', 'host'], local);
    expect(shared.printed).toEqual(['nameserver 127.0.0.1']);
  });

  it('R-53 a build that runs nothing opens none, and one network counts for no key', async () => {
    const lines = ['RUN echo once', 'COPY Dockerfile /'];
    const context = contextOf(...lines);
    await cli.ok(['build', context]);
    await using other = await NetworkWorld.make();
    const there = tsbuild(cli.root, ['nsenter', `--net=${other.host.path}`]);
    const again = await there.run(['build', context]);
    expect(stepOutcomes(again.stderr).ran).toEqual([]);
    await there.ok(['build', contextOf('COPY Dockerfile /other')]);
    expect([world, other].map(({ stateFolder }) => existsSync(stateFolder))).toEqual([true, false]);
  });

  it('R-53 where none can be had the host’s is used, which the build says once; a later one takes the results', async () => {
    await world.onHost(
      'nft add table inet fence',
      "nft 'add chain inet fence forward { type filter hook forward priority 0; policy drop; }'",
    );
    const print = 'RUN readlink /proc/self/ns/net; cat /etc/resolv.conf >/dev/null';
    const lines = [`${print} # 1`, `${print} # 2`];
    const host = `net:[${statSync(world.host.path).ino}]`;
    const { printed, warnings } = await build(lines);
    expect(printed).toEqual([host, host]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^warning: RUN steps share the host's network.*: the firewall \(fence forward\) drops .*; let the firewall forward /,
      ),
    ]);
    await world.onHost('nft delete table inet fence');
    const later = await cli.run(['build', contextOf(...lines)]);
    expect(stepOutcomes(later.stderr).ran).toEqual([]);
    expect(await world.traces()).toBe(before);
  });

  it('L-123 says of a step that fails for a proxy on the host’s loopback why', async () => {
    const fetching = contextOf('RUN wget -q -O /dev/null http://192.0.2.1/');
    const argv = ['build', '--build-arg', 'http_proxy=http://127.0.0.1:3128'];
    const failed = await cli.run([...argv, fetching]);
    expect(failed.stderr).toMatch(/RUN_FAILED\]\n {2}hint: http_proxy points to the host's loopback/i);
    const shared = await cli.run([...argv, '--network', 'host', fetching]);
    expect(shared.stderr).toContain('[RUN_FAILED]');
    expect(shared.stderr).not.toContain('loopback');
    const other = await cli.run([...argv, contextOf('RUN exit 3')]);
    expect(other.stderr).not.toContain('loopback');
  });

  it.each(['SIGINT', 'SIGKILL'] as const)(
    'S-70 S-73 %s leaves nothing of them, at the latest after the next build',
    async (signal) => {
      const step = sleeper();
      const building = cli.start(['build', contextOf(`RUN ${step.line}`)]);
      await until(step.pid);
      // One step, one network: none is made for steps that will not come.
      expect((await world.traces()).match(/^tsv/gm)).toHaveLength(1);
      building.kill(signal);
      await once(building, 'exit');
      await until(() => step.pid() === undefined);
      if (signal === 'SIGKILL') {
        // The kernel ends them with their owner, but not at once; the bridge is for the next command.
        await vi.waitFor(async () => expect(await world.traces()).not.toMatch(/tsv|table/), 60_000);
        await cli.ok(['build', contextOf('COPY Dockerfile /')]);
      }
      expect(await world.traces()).toBe(before);
    },
  );
});
