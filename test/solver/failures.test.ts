import { describe, expect, it } from 'vitest';

import { TsbuildError, type BuildEvent } from '../../src/core/index.ts';
import type { ResultCache } from '../../src/solver/index.ts';
import { deferred } from '../support/deferred.ts';
import { MemoryCache } from '../support/memory-cache.ts';
import { stepEvents } from '../support/step-events.ts';
import {
  contentOf,
  solveSum,
  SumGraph,
  untilCalm,
  valueOf,
  type Sum,
  type SumOptions,
} from '../support/sums.ts';

/** Runs until it is cancelled, then takes its time to end. */
function stubborn(state: {
  started: PromiseWithResolvers<void>;
  ended: boolean;
  free: Promise<void>;
}): SumOptions {
  return {
    value: async (_, { signal }) => {
      state.started.resolve();
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      await state.free;
      state.ended = true;
      throw new Error('the consequence');
    },
  };
}

describe('a failure', () => {
  it('cancels the rest, and is thrown after everything has stopped', async () => {
    const graph = new SumGraph();
    const free = deferred();
    const other = { started: deferred(), ended: false, free: free.promise };
    const cause = new TsbuildError('RUN_FAILED', 'the cause');
    const failing = graph.vertex('failing', {
      value: async () => {
        await other.started.promise;
        throw cause;
      },
    });
    const events: BuildEvent[] = [];
    const target = graph.sum('target', [graph.vertex('other', stubborn(other)), failing]);
    let endedBefore: boolean | undefined;
    const solved = solveSum(target, { events }).catch((error: unknown) => {
      endedBefore = other.ended;
      return error;
    });
    await untilCalm();
    expect(endedBefore).toBeUndefined();
    free.resolve();
    expect(await solved).toBe(cause);
    expect(endedBefore).toBe(true);
    expect(stepEvents(events)).toEqual([
      'started other',
      'started failing',
      'failed failing',
      'cancelled other',
    ]);
    expect(events.find(({ type }) => type === 'step-failed')).toMatchObject({ error: cause });
    expect(graph.executed).not.toContain('target');
  });

  it('starts nothing that waits for a job', async () => {
    const graph = new SumGraph();
    const waiting = Array.from({ length: 5 }, (_, index) => graph.constant(`waiting ${index}`, index));
    const failing = graph.vertex('failing', {
      value: async () => {
        await untilCalm();
        throw new Error('cause');
      },
    });
    const events: BuildEvent[] = [];
    await expect(solveSum(graph.sum('t', [failing, ...waiting]), { jobs: 1, events })).rejects.toThrow(
      'cause',
    );
    expect(graph.executed).toEqual(['failing']);
    expect(stepEvents(events)).toEqual(['started failing', 'failed failing']);
  });

  it('leaves what was done before it in the cache', async () => {
    const cache = new MemoryCache(contentOf);
    const graph = new SumGraph();
    const done = graph.constant('done', 1);
    const failing = graph.sum('failing', [done], { value: () => Promise.reject(new Error('cause')) });
    await expect(solveSum(failing, { cache })).rejects.toThrow('cause');
    const second = new SumGraph();
    expect(await valueOf(second.add('repaired', second.constant('done', 1), 1), { cache })).toBe(2);
    expect(second.executed).toEqual(['repaired']);
  });

  it('of another kind than ours is reported as a defect, with its cause', async () => {
    const events: BuildEvent[] = [];
    const cause = new RangeError('no');
    const failing = new SumGraph().vertex('failing', { value: () => Promise.reject(cause) });
    await expect(solveSum(failing, { events })).rejects.toBe(cause);
    expect(events.at(-1)).toMatchObject({
      type: 'step-failed',
      error: { code: 'INTERNAL', message: 'no', cause },
    });
  });

  it('to say how a vertex is keyed fails the build before anything runs', async () => {
    const graph = new SumGraph();
    const cause = new TsbuildError('COPY_SOURCE_NOT_FOUND', 'no such file');
    const broken = graph.constant('broken', 1, { keys: () => Promise.reject(cause) });
    const target = graph.sum('target', [graph.constant('fine', 1), graph.add('between', broken, 1)]);
    await expect(solveSum(target)).rejects.toBe(cause);
    expect(graph.executed).toEqual([]);
  });

  it('of the first is thrown when many fail', async () => {
    const graph = new SumGraph();
    const gates = Array.from({ length: 4 }, () => deferred());
    const failing = gates.map((gate, index) =>
      graph.vertex(`failing ${index}`, {
        value: async () => {
          await gate.promise;
          throw new Error(`cause ${index}`);
        },
      }),
    );
    const solved = solveSum(graph.sum('target', failing), { jobs: 4 });
    await untilCalm();
    for (const index of [2, 0, 3, 1]) gates[index]?.resolve();
    await expect(solved).rejects.toThrow('cause 2');
  });

  it('to pack a result fails the build, even of a vertex whose child has already run', async () => {
    const graph = new SumGraph();
    const packed = deferred();
    const childRan = deferred();
    const parent = graph.constant('parent', 1, { settled: packed.promise });
    const child = graph.sum('child', [parent], {
      value: () => {
        childRan.resolve();
        return 1;
      },
    });
    const solved = solveSum(child);
    await childRan.promise;
    packed.reject(new TsbuildError('DISK_FULL', 'no space left'));
    await expect(solved).rejects.toMatchObject({ code: 'DISK_FULL' });
  });

  it('to pack a result stops what runs beside it', async () => {
    const graph = new SumGraph();
    const packed = deferred();
    const other = { started: deferred(), ended: false, free: Promise.resolve() };
    const broken = graph.constant('broken', 1, { settled: packed.promise });
    const solved = solveSum(graph.sum('target', [broken, graph.vertex('other', stubborn(other))]));
    await other.started.promise;
    packed.reject(new Error('no space left'));
    await expect(solved).rejects.toThrow('no space left');
    expect(other.ended).toBe(true);
  });

  it.each(['lookup', 'knows', 'claim', 'save', 'canonical'] as const)(
    'of the cache’s %s fails the build',
    async (method) => {
      const cache: ResultCache<Sum> = new MemoryCache(contentOf);
      Object.assign(cache, { [method]: () => Promise.reject(new Error(`no ${method}`)) });
      const graph = new SumGraph();
      await expect(solveSum(graph.add('t', graph.constant('c', 1), 1), { cache })).rejects.toThrow(
        `no ${method}`,
      );
    },
  );
});

describe('cancellation', () => {
  it('stops what runs and throws the signal’s reason', async () => {
    const graph = new SumGraph();
    const state = { started: deferred(), ended: false, free: Promise.resolve() };
    const stop = new AbortController();
    const events: BuildEvent[] = [];
    const target = graph.sum('target', [graph.vertex('running', stubborn(state))]);
    const solved = solveSum(target, { signal: stop.signal, events });
    await state.started.promise;
    const reason = new TsbuildError('INTERRUPTED', 'interrupted');
    stop.abort(reason);
    await expect(solved).rejects.toBe(reason);
    expect(state.ended).toBe(true);
    expect(stepEvents(events)).toEqual(['started running', 'cancelled running']);
  });

  it('before the start runs nothing', async () => {
    const graph = new SumGraph();
    const stop = new AbortController();
    const reason = new Error('too late');
    stop.abort(reason);
    await expect(solveSum(graph.constant('c', 1), { signal: stop.signal })).rejects.toBe(reason);
    expect(graph.executed).toEqual([]);
  });

  it('of a solver that waits for another’s claim ends the waiting', async () => {
    const cache = new MemoryCache(contentOf);
    const started = deferred();
    const free = deferred();
    const slow = (graph: SumGraph): ReturnType<SumGraph['vertex']> =>
      graph.vertex('slow', {
        value: async () => {
          started.resolve();
          await free.promise;
          return 1;
        },
      });
    const first = solveSum(slow(new SumGraph()), { cache });
    await started.promise;
    const stop = new AbortController();
    const second = solveSum(slow(new SumGraph()), { cache, signal: stop.signal });
    await untilCalm();
    stop.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    free.resolve();
    expect((await first).value).toBe(1);
  });
});

describe('two solvers on one cache', () => {
  function gated(
    graph: SumGraph,
    gate: Promise<number>,
    started: PromiseWithResolvers<void>,
  ): ReturnType<SumGraph['vertex']> {
    const slow = graph.vertex('slow', {
      value: async () => {
        started.resolve();
        return gate;
      },
    });
    return graph.add('target', slow, 10);
  }

  it('execute what both need once: the other gets the result', async () => {
    const cache = new MemoryCache(contentOf);
    const [one, other] = [new SumGraph(), new SumGraph()];
    const gate = Promise.withResolvers<number>();
    const started = deferred();
    const first = solveSum(gated(one, gate.promise, started), { cache });
    await started.promise;
    const events: BuildEvent[] = [];
    const second = solveSum(gated(other, gate.promise, started), { cache, events });
    await untilCalm();
    gate.resolve(1);
    expect((await first).serial).toBe((await second).serial);
    expect(one.executed).toEqual(['slow', 'target']);
    expect(other.executed).toEqual([]);
    expect(stepEvents(events)).toEqual(['cached slow', 'cached target']);
    expect(events).toContainEqual({
      type: 'warning',
      message: 'slow: waiting for process another, which is at work on it',
    });
  });

  it('take over from each other when one fails', async () => {
    const cache = new MemoryCache(contentOf);
    const [one, other] = [new SumGraph(), new SumGraph()];
    const gate = Promise.withResolvers<number>();
    const started = deferred();
    const first = solveSum(gated(one, gate.promise, started), { cache });
    await started.promise;
    const second = solveSum(gated(other, Promise.resolve(1), started), { cache });
    await untilCalm();
    expect(other.executed).toEqual([]);
    gate.reject(new Error('cause'));
    await expect(first).rejects.toThrow('cause');
    expect((await second).value).toBe(11);
    expect(other.executed).toEqual(['slow', 'target']);
  });

  it('hold no job while they wait for each other', async () => {
    const cache = new MemoryCache(contentOf);
    const [one, other] = [new SumGraph(), new SumGraph()];
    const gate = Promise.withResolvers<number>();
    const started = deferred();
    const first = solveSum(gated(one, gate.promise, started), { cache });
    await started.promise;
    const beside = deferred();
    const free = other.vertex('beside', {
      value: () => {
        beside.resolve();
        return 100;
      },
    });
    const target = other.sum('both', [gated(other, gate.promise, started), free]);
    const second = valueOf(target, { cache, jobs: 1 });
    await beside.promise;
    gate.resolve(1);
    await first;
    expect(await second).toBe(111);
  });
});
