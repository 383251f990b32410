import { describe, expect, it } from 'vitest';

import type { BuildEvent } from '../../src/core/index.ts';
import type { Vertex } from '../../src/solver/index.ts';
import { deferred } from '../support/deferred.ts';
import { MemoryCache } from '../support/memory-cache.ts';
import { stepEvents } from '../support/step-events.ts';
import { contentOf, solveSum, SumGraph, untilCalm, valueOf, type Sum } from '../support/sums.ts';

describe('what is executed', () => {
  it('gives the target’s result', async () => {
    const graph = new SumGraph();
    const two = graph.constant('two', 2);
    const three = graph.constant('three', 3);
    expect(await valueOf(graph.add('target', graph.sum('sum', [two, three, two]), 10))).toBe(17);
  });

  it('executes each vertex once, however many ask for it', async () => {
    const graph = new SumGraph();
    const base = graph.constant('base', 1);
    const left = graph.add('left', base, 10);
    const right = graph.add('right', base, 100);
    expect(await valueOf(graph.sum('target', [left, right]))).toBe(112);
    expect([...graph.executed].sort()).toEqual(['base', 'left', 'right', 'target']);
    expect([...graph.keyed].sort()).toEqual(['base', 'left', 'right', 'target']);
  });

  it('prepares what will run before its inputs run, and what is answered from the cache never', async () => {
    const graph = new SumGraph();
    const cache = new MemoryCache(contentOf);
    const target = graph.add('target', graph.add('middle', graph.constant('base', 1), 10), 100);
    await solveSum(target, { cache });
    const steps = ['target', 'middle', 'base'];
    expect(graph.log.slice(0, 3)).toEqual(steps.map((name) => `prepare ${name}`));
    expect(graph.log.slice(3)).toEqual(steps.toReversed().map((name) => `execute ${name}`));
    await solveSum(target, { cache });
    expect(graph.log).toHaveLength(6);
  });

  it('prepares what may be answered by content only when it is not', async () => {
    const graph = new SumGraph();
    const cache = new MemoryCache(contentOf);
    await solveSum(graph.add('target', graph.constant('one', 1), 10), { cache });
    graph.log.length = 0;
    await solveSum(graph.add('target', graph.constant('same', 1), 10), { cache });
    expect(graph.log).toEqual(['prepare same', 'execute same']);
    graph.log.length = 0;
    await solveSum(graph.add('target', graph.constant('other', 2), 10), { cache });
    expect(graph.log).toEqual(['prepare other', 'execute other', 'prepare target', 'execute target']);
  });

  it('takes two vertices with one id for one', async () => {
    const graph = new SumGraph();
    const twins = [
      graph.constant('a', 5, { definition: 'twin' }),
      graph.constant('b', 5, { definition: 'twin' }),
    ];
    expect(twins[0]?.id).toBe(twins[1]?.id);
    expect(await valueOf(graph.sum('target', twins))).toBe(10);
    expect(graph.executed).toEqual(['a', 'target']);
  });

  it('gives inputs in their order', async () => {
    const graph = new SumGraph();
    const inputs = [3, 1, 2].map((value) => graph.constant(`c${value}`, value));
    const digits = graph.sum('digits', inputs, { value: (values) => Number(values.join('')) });
    expect(await valueOf(digits)).toBe(312);
  });

  it('solves a chain of two thousand', async () => {
    const graph = new SumGraph();
    let top = graph.constant('0', 0);
    for (let index = 1; index <= 2000; index++) top = graph.add(String(index), top, 1);
    expect(await valueOf(top)).toBe(2000);
  });

  it('runs no more heavy vertices at once than there are jobs, and light ones beside them', async () => {
    for (const jobs of [1, 2, 3]) {
      const graph = new SumGraph();
      const full = deferred();
      let running = 0;
      let most = 0;
      const work = async (): Promise<number> => {
        most = Math.max(most, ++running);
        // Nobody leaves before the room is full: fewer than `jobs` at once would never end.
        if (running === jobs) full.resolve();
        await full.promise;
        await Promise.resolve();
        running--;
        return 1;
      };
      const heavy = Array.from({ length: 7 }, (_, index) => graph.vertex(`heavy ${index}`, { value: work }));
      const light = graph.vertex('light', { heavy: false, value: async () => (await full.promise, 10) });
      expect(await valueOf(graph.sum('target', [...heavy, light]), { jobs })).toBe(17);
      expect(most).toBe(jobs);
    }
  });
});

describe('definition keys', () => {
  it('answer a second build, which executes nothing and gives the same result', async () => {
    const cache = new MemoryCache(contentOf);
    const first = new SumGraph();
    const target = (graph: SumGraph): Vertex<Sum> => graph.add('t', graph.constant('c', 1), 2);
    const made = await solveSum(target(first), { cache });
    const second = new SumGraph();
    expect((await solveSum(target(second), { cache })).serial).toBe(made.serial);
    expect(second.executed).toEqual([]);
  });

  it('are asked for the target first: a hit there asks for nothing below', async () => {
    const cache = new MemoryCache(contentOf);
    const graph = new SumGraph();
    const target = graph.add('top', graph.add('middle', graph.constant('bottom', 1), 2), 3);
    await valueOf(target, { cache });
    cache.calls.length = 0;
    await valueOf(target, { cache });
    expect(cache.calls).toHaveLength(1);
    expect(cache.calls[0]).toMatch(/^lookup /);
  });

  it.each([
    { what: 'its own definition', target: (g: SumGraph) => g.add('t', g.constant('c', 1), 9) },
    { what: 'an input’s definition', target: (g: SumGraph) => g.add('t', g.constant('c', 8), 2) },
    {
      what: 'the number of inputs',
      target: (g: SumGraph) => g.sum('t', [g.constant('c', 1), g.constant('z', 0)], { parts: 2 }),
    },
    {
      what: 'a selector',
      target: (g: SumGraph) => g.add('t', g.constant('c', 1), 2, { selectors: ['/part'] }),
    },
  ])('differ by $what', async ({ target }) => {
    const cache = new MemoryCache(contentOf);
    await valueOf(new SumGraph().add('t', new SumGraph().constant('c', 1), 2), { cache });
    const graph = new SumGraph();
    await valueOf(target(graph), { cache });
    expect(graph.executed).toContain('t');
  });

  it('know the order of inputs', async () => {
    const cache = new MemoryCache(contentOf);
    const digits = (graph: SumGraph, order: readonly number[]): Vertex<Sum> =>
      graph.sum(
        'digits',
        order.map((value) => graph.constant('c', value)),
        {
          value: (values) => Number(values.join('')),
        },
      );
    expect(await valueOf(digits(new SumGraph(), [1, 2]), { cache })).toBe(12);
    expect(await valueOf(digits(new SumGraph(), [2, 1]), { cache })).toBe(21);
  });
});

describe('content keys', () => {
  /** constant → half (loses a bit) → target */
  function halves(graph: SumGraph, value: number): Vertex<Sum> {
    const input = graph.constant('input', value);
    const half = graph.sum('half', [input], { value: ([x = 0]) => Math.floor(x / 2) });
    return graph.add('target', half, 100);
  }

  it('cut off what stands on an input that came out the same', async () => {
    const cache = new MemoryCache(contentOf);
    const made = await solveSum(halves(new SumGraph(), 4), { cache });
    const graph = new SumGraph();
    const again = await solveSum(halves(graph, 5), { cache });
    expect(graph.executed).toEqual(['input', 'half']);
    expect(again).toMatchObject({ value: 102, serial: made.serial });
    // From now on the new definition answers at once.
    const third = new SumGraph();
    await solveSum(halves(third, 5), { cache });
    expect(third.executed).toEqual([]);
  });

  it('replace the new result by the earlier equal one, for the cache and for the build', async () => {
    const cache = new MemoryCache(contentOf);
    const graph = new SumGraph();
    const first = await solveSum(graph.constant('one', 7), { cache });
    const second = await solveSum(graph.constant('other', 7), { cache });
    expect(graph.executed).toEqual(['one', 'other']);
    expect(second.serial).toBe(first.serial);
  });

  it('compare whole states: `COPY a`, `RUN true`, `RUN cat a > b` follows a change of a', async () => {
    // A state is the digits written so far; `RUN true` adds none: its own change is the same whatever a is.
    const build = (graph: SumGraph, a: number): Vertex<Sum> => {
      const copy = graph.constant('COPY a', a);
      const nothing = graph.sum('RUN true', [copy]);
      return graph.sum('RUN cat a > b', [nothing], { value: ([state = 0]) => state * 11 });
    };
    const cache = new MemoryCache(contentOf);
    expect(await valueOf(build(new SumGraph(), 3), { cache })).toBe(33);
    const graph = new SumGraph();
    expect(await valueOf(build(graph, 4), { cache })).toBe(44);
    expect(graph.executed).toEqual(['COPY a', 'RUN true', 'RUN cat a > b']);
  });

  it('are waited for when some record has the same parts', async () => {
    const cache = new MemoryCache(contentOf);
    await valueOf(halves(new SumGraph(), 4), { cache });
    const graph = new SumGraph();
    const packed = deferred();
    const input = graph.constant('new input', 3);
    const half = graph.sum('half', [input], {
      value: ([x = 0]) => Math.floor(x / 2),
      settled: packed.promise,
    });
    const target = solveSum(graph.add('target', half, 100), { cache });
    await untilCalm();
    expect(graph.executed).toEqual(['new input', 'half']);
    packed.resolve();
    expect((await target).value).toBe(101);
    expect(graph.executed).toEqual(['new input', 'half', 'target']);
  });

  it('are not waited for otherwise: the child runs while its parent’s content is not known yet', async () => {
    const graph = new SumGraph();
    const packed = deferred();
    const childRan = deferred();
    const parent = graph.constant('parent', 1, { settled: packed.promise });
    const child = graph.sum('child', [parent], {
      value: ([value = 0]) => {
        childRan.resolve();
        return value + 1;
      },
    });
    let ended = false;
    const solved = solveSum(child).finally(() => (ended = true));
    await childRan.promise;
    await untilCalm();
    expect(ended).toBe(false);
    packed.resolve();
    expect((await solved).value).toBe(2);
  });
});

describe('C-06 ignoreCache', () => {
  it('executes the vertex and saves its new result', async () => {
    const cache = new MemoryCache(contentOf);
    const first = await solveSum(new SumGraph().constant('c', 1), { cache });
    const graph = new SumGraph();
    const anew = await solveSum(graph.constant('c', 1, { ignoreCache: true }), { cache });
    expect(graph.executed).toEqual(['c']);
    expect(anew.serial).not.toBe(undefined);
    expect(anew).not.toBe(first);
    expect(await solveSum(new SumGraph().constant('c', 1), { cache })).toBe(anew);
  });

  it('reaches what stands on it: a hit above must not hide it', async () => {
    const cache = new MemoryCache(contentOf);
    const build = (graph: SumGraph, value: number, ignoreCache: boolean): Vertex<Sum> =>
      graph.add('top', graph.vertex('download', { value: () => value, ignoreCache }), 10);
    expect(await valueOf(build(new SumGraph(), 1, false), { cache })).toBe(11);
    // The same definition, but the world has moved on.
    const graph = new SumGraph();
    expect(await valueOf(build(graph, 2, true), { cache })).toBe(12);
    expect(graph.executed).toEqual(['download', 'top']);
  });

  it('lets what stands on it be answered by content', async () => {
    const cache = new MemoryCache(contentOf);
    const build = (graph: SumGraph, ignoreCache: boolean): Vertex<Sum> =>
      graph.add('top', graph.constant('c', 1, { ignoreCache }), 10);
    await valueOf(build(new SumGraph(), false), { cache });
    const graph = new SumGraph();
    expect(await valueOf(build(graph, true), { cache })).toBe(11);
    expect(graph.executed).toEqual(['c']);
  });
});

describe('events', () => {
  it('tell of each vertex once, cached or started and done, inputs before what stands on them', async () => {
    const cache = new MemoryCache(contentOf);
    const graph = new SumGraph();
    const base = graph.constant('base', 1);
    const target = graph.sum('target', [graph.add('left', base, 1), graph.add('right', base, 2)]);
    const events: BuildEvent[] = [];
    await solveSum(target, { cache, events, jobs: 1 });
    expect(stepEvents(events)).toEqual([
      ...['started base', 'done base', 'started left', 'done left', 'started right', 'done right'],
      ...['started target', 'done target'],
    ]);
    events.length = 0;
    await solveSum(target, { cache, events });
    expect(stepEvents(events)).toEqual(['cached base', 'cached left', 'cached right', 'cached target']);
  });

  it('never show a vertex as cached that some other branch still executes', async () => {
    const cache = new MemoryCache(contentOf);
    const graph = new SumGraph();
    const base = graph.constant('base', 1);
    const left = graph.add('left', base, 1);
    await solveSum(left, { cache });
    for (const [key, { identity }] of cache.records) if (identity === 'base') cache.forget(key);
    const events: BuildEvent[] = [];
    await solveSum(graph.sum('target', [left, graph.add('right', base, 2)]), { cache, events });
    expect(stepEvents(events)).toEqual([
      ...['cached left', 'started base', 'done base'],
      ...['started right', 'done right', 'started target', 'done target'],
    ]);
  });

  it('carry the output of the vertex', async () => {
    const events: BuildEvent[] = [];
    const talking = new SumGraph().vertex('talking', {
      value: (_, context) => {
        context.log('stderr', Buffer.from('hello'));
        context.status('layer', 1, 2);
        context.warn('careful');
        return 1;
      },
    });
    await solveSum(talking, { events });
    const step = { id: talking.id, name: 'talking' };
    expect(events).toMatchObject([
      { type: 'step-started', step },
      { type: 'step-log', step, stream: 'stderr', data: Buffer.from('hello') },
      { type: 'status', step, id: 'layer', current: 1, total: 2 },
      { type: 'warning', message: 'careful' },
      { type: 'step-done', step },
    ]);
  });
});
