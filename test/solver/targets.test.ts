import { describe, expect, it } from 'vitest';

import type { BuildEvent } from '../../src/core/index.ts';
import { solveAll, type Vertex } from '../../src/solver/index.ts';
import { MemoryCache } from '../support/memory-cache.ts';
import { stepEvents } from '../support/step-events.ts';
import { contentOf, SumGraph, type Sum } from '../support/sums.ts';

async function valuesOf(
  targets: readonly Vertex<Sum>[],
  world: { cache?: MemoryCache<Sum>; events?: BuildEvent[] } = {},
): Promise<readonly number[]> {
  const results = await solveAll(targets, {
    cache: world.cache ?? new MemoryCache(contentOf),
    jobs: 2,
    signal: new AbortController().signal,
    emit: (event) => world.events?.push(event),
  });
  return results.map(({ value }) => value);
}

describe('several targets', () => {
  it('O-30 share what they have in common: it runs once', async () => {
    const graph = new SumGraph();
    const common = graph.add('common', graph.constant('base', 1), 1);
    const targets = [graph.add('left', common, 10), graph.add('right', common, 100)];
    expect(await valuesOf(targets)).toEqual([12, 102]);
    expect([...graph.executed].sort()).toEqual(['base', 'common', 'left', 'right']);
  });

  it('may be one and the same, or stand on each other', async () => {
    const graph = new SumGraph();
    const below = graph.constant('below', 1);
    const above = graph.add('above', below, 10);
    expect(await valuesOf([above, below, above])).toEqual([11, 1, 11]);
    expect(graph.executed).toEqual(['below', 'above']);
  });

  it('are each reported once, cached ones too, whichever is answered first', async () => {
    const graph = new SumGraph();
    const cache = new MemoryCache(contentOf);
    const below = graph.constant('below', 1);
    const targets = [graph.add('above', below, 10), below, graph.add('beside', below, 100)];
    await valuesOf(targets, { cache });
    const events: BuildEvent[] = [];
    expect(await valuesOf(targets, { cache, events })).toEqual([11, 1, 101]);
    expect(stepEvents(events).sort()).toEqual(['cached above', 'cached below', 'cached beside']);
    expect(graph.executed).toHaveLength(3);
  });

  it('fail together: the first failure stops what runs for the others', async () => {
    const graph = new SumGraph();
    const events: BuildEvent[] = [];
    const stuck = graph.vertex('stuck', {
      value: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    });
    const broken = graph.vertex('broken', { value: () => Promise.reject(new Error('broken')) });
    await expect(valuesOf([stuck, broken], { events })).rejects.toThrow('broken');
    expect(stepEvents(events)).toContain('cancelled stuck');
  });
});
