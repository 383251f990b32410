import { closeSync, openSync, statSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { ask, idleProcess, serve } from '../support/network-talk.ts';
import {
  hostAddress,
  internetAddress,
  withNetworkWorld,
  type NetworkWorld,
} from '../support/network-world.ts';

describe('the pool of namespaces for steps', () => {
  let world: NetworkWorld;
  withNetworkWorld((made) => {
    world = made;
  });

  it('R-53 gives every running step one of its own, with a way out, and uses it again', async () => {
    const before = await world.traces();
    const agent = world.agent();
    await agent.open('steps');
    await agent.ask({ do: 'pool', size: 2 });
    const [one, two] = [await agent.take(), await agent.take()];
    expect(one.address).not.toBe(two.address);
    using _internet = await serve(world.internet.path, { name: 'internet', port: 80 });
    expect(await ask(one.path, internetAddress, 80)).toBe(`internet ${hostAddress}`);
    const inode = statSync(one.path).ino;
    await agent.ask({ do: 'give-back', id: one.id });
    const again = await agent.take();
    expect([again.address, statSync(again.path).ino]).toEqual([one.address, inode]);
    await agent.close();
    await vi.waitFor(async () => expect(await world.traces()).toBe(before), 60_000);
  });

  it('R-53 throws away one in which a process is left, and one that a step could change', async () => {
    const agent = world.agent();
    await agent.open('steps');
    await agent.ask({ do: 'pool', size: 1 });
    const seen: number[] = [];
    // Held open, it keeps its number: that of one which has gone is given to the next.
    using held = new DisposableStack();
    const see = (path: string): void => {
      held.adopt(openSync(path, 'r'), closeSync);
      seen.push(statSync(path).ino);
    };
    const one = await agent.take();
    see(one.path);
    await using _left = await idleProcess(one.path);
    await agent.ask({ do: 'give-back', id: one.id });
    const two = await agent.take();
    see(two.path);
    await agent.ask({ do: 'give-back', id: two.id, reusable: false });
    const three = await agent.take();
    see(three.path);
    expect(new Set(seen).size).toBe(3);
  });

  it('hands out more than its size rather than let a step wait', async () => {
    const agent = world.agent();
    await agent.open('steps');
    await agent.ask({ do: 'pool', size: 1 });
    const taken = await Promise.all([agent.take(), agent.take(), agent.take()]);
    expect(new Set(taken.map(({ address }) => address)).size).toBe(3);
  });
});
