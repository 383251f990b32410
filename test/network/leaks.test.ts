import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { parsePublish } from '../../src/network/index.ts';
import { tryFlock } from '../../src/sys/index.ts';
import { idleProcess } from '../support/network-talk.ts';
import { withNetworkWorld, type NetworkWorld } from '../support/network-world.ts';

describe('what processes leave behind', () => {
  let world: NetworkWorld;
  let before: string;
  withNetworkWorld(async (made) => {
    world = made;
    before = await world.traces();
  });

  it.each(['containers', 'steps'] as const)(
    'R-53 is nothing after %s are closed: no link, no rule, no setting',
    async (kind) => {
      const agent = world.agent();
      await agent.open(kind);
      await agent.attach({ names: ['a'], ports: parsePublish('8080:80') });
      const two = await agent.attach();
      await agent.ask({ do: 'detach', id: two.id });
      expect(await world.traces()).not.toBe(before);
      await agent.close();
      expect(await world.traces()).toBe(before);
    },
  );

  it('R-53 the last of several processes removes what they share', async () => {
    const agents = [world.agent(), world.agent()];
    const opened = await Promise.all(agents.map((agent) => agent.open('containers')));
    expect(new Set(opened.map(({ bridge }) => bridge)).size).toBe(1);
    await agents[0]?.close();
    expect(await world.traces()).toContain(opened[0]?.bridge);
    expect(await world.onHost('cat /proc/sys/net/ipv4/ip_forward')).toBe('1');
    await agents[1]?.close();
    expect(await world.traces()).toBe(before);
  });

  it('R-53 a killed process leaves no veth and no rule, and the next sweep takes the bridge', async () => {
    const agent = world.agent();
    await agent.open('containers');
    const { address } = await agent.attach({ names: ['db'], ports: parsePublish('8080:80') });
    await agent.kill();
    await vi.waitFor(async () => {
      const traces = await world.traces();
      expect(traces).not.toContain('tsv');
      expect(traces).not.toContain('table');
    }, 60_000);
    const next = world.agent();
    await next.ask({ do: 'sweep' });
    expect(await world.traces()).toBe(before);
    await next.open('containers');
    const again = await next.attach({ ports: parsePublish('8080:80') });
    expect(again.address).toBe(address);
    await next.close();
    expect(await world.traces()).toBe(before);
  });

  it('R-53 a sweep waits for nobody who makes or ends a network; the next one takes what is left', async () => {
    const agent = world.agent();
    const { bridge } = await agent.open('containers');
    await agent.kill();
    const lock = tryFlock(join(world.folder, 'lock'));
    expect(lock).toBeDefined();
    const next = world.agent();
    await next.ask({ do: 'sweep' });
    expect(await world.traces()).toContain(bridge);
    lock?.release();
    await next.ask({ do: 'sweep' });
    expect(await world.traces()).toBe(before);
  });

  it('R-53 what is known of a killed process is gone with the next sweep, though others keep the network', async () => {
    const leases = (): readonly string[] => readdirSync(join(world.folder, 'containers/leases')).toSorted();
    const [living, killed] = [world.agent(), world.agent()];
    await living.open('containers');
    await killed.open('containers');
    const { address } = await living.attach({ names: ['living'] });
    await killed.attach({ names: ['first'] });
    const { id } = await living.attach({ names: ['short'] });
    await killed.attach({ names: ['second'] });
    expect(leases()).toHaveLength(4);
    await living.ask({ do: 'detach', id });
    expect(leases()).toHaveLength(3);
    await killed.kill();
    await living.ask({ do: 'sweep' });
    expect(leases()).toEqual([address.split('.')[3]]);
    await living.close();
    expect(leases()).toEqual([]);
    expect(await world.traces()).toBe(before);
  });

  it('gives the address of a killed process on though its container still runs', async () => {
    const agent = world.agent();
    const { bridge } = await agent.open('containers');
    const { path, address } = await agent.attach();
    await using _left = await idleProcess(path);
    await agent.kill();
    expect(await world.traces()).toContain(bridge.replace('tsb-', 'tsv'));
    const next = world.agent();
    await next.open('containers');
    expect((await next.attach()).address).toBe(address);
    await next.close();
    expect(await world.traces()).toBe(before);
  });

  it('leaves forwarding alone where it was on', async () => {
    await world.onHost('echo 1 >/proc/sys/net/ipv4/ip_forward');
    before = await world.traces();
    const agent = world.agent();
    await agent.open('steps');
    await agent.close();
    expect(await world.traces()).toBe(before);
  });

  it('R-53 what four processes attach at once, 52 times, has addresses of its own each', async () => {
    const agents = [world.agent(), world.agent(), world.agent(), world.agent()];
    await Promise.all(agents.map((agent) => agent.open('steps')));
    const attaching = Array.from({ length: 13 }, () => agents.map((agent) => agent.attach()));
    const attached = await Promise.all(attaching.flat());
    expect(new Set(attached.map(({ address }) => address)).size).toBe(52);
    await Promise.all(agents.map((agent) => agent.close()));
    expect(await world.traces()).toBe(before);
  });
});
