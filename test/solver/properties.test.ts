import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { BuildEvent } from '../../src/core/index.ts';
import type { Vertex } from '../../src/solver/index.ts';
import { deferred } from '../support/deferred.ts';
import { MemoryCache } from '../support/memory-cache.ts';
import { runs } from '../support/series.ts';
import { stepEvents } from '../support/step-events.ts';
import { contentOf, solveSum, SumGraph, untilCalm, valueOf, type Sum } from '../support/sums.ts';

/** A node adds its number to the results of earlier ones; every other one forgets by how much, so that contents meet. */
interface Node {
  readonly number: number;
  readonly inputs: readonly number[];
}

const shape = fc.array(fc.array(fc.nat(1000), { maxLength: 3 }), { minLength: 1, maxLength: 8 });
const numbers = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 8, maxLength: 8 });
const jobs = fc.integer({ min: 1, max: 4 });

function nodesOf(inputs: readonly (readonly number[])[], values: readonly number[]): readonly Node[] {
  return inputs.map((list, index) => ({
    number: values[index] ?? 0,
    inputs: index === 0 ? [] : list.map((input) => input % index),
  }));
}

function result(index: number, number: number, values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, number);
  return index % 2 === 0 ? sum : sum % 2;
}

/** By plain recursion. */
function expected(nodes: readonly Node[], index = nodes.length - 1): number {
  const { number = 0, inputs = [] } = nodes[index] ?? {};
  return result(
    index,
    number,
    inputs.map((input) => expected(nodes, input)),
  );
}

interface World {
  readonly nodes: readonly Node[];
  readonly scheduler: fc.Scheduler;
  /** Told what each vertex that executes was given. */
  readonly ran?: (what: string) => void;
}

function vertices(graph: SumGraph, { nodes, scheduler, ran }: World): Vertex<Sum> {
  const made: Vertex<Sum>[] = [];
  for (const [index, { number, inputs }] of nodes.entries()) {
    const name = `node ${index}`;
    const value = async (values: readonly number[]): Promise<number> => {
      ran?.(JSON.stringify([index, number, values]));
      await scheduler.schedule(Promise.resolve(), name);
      return result(index, number, values);
    };
    const wanted = inputs.map((input) => made[input]).filter((input) => input !== undefined);
    const settled = scheduler.schedule(Promise.resolve(), `${name} packed`);
    made.push(graph.vertex(name, { inputs: wanted, parts: number, settled, value }));
  }
  const target = made.at(-1);
  if (target === undefined) throw new Error('an empty graph');
  return target;
}

describe('the solver, by name', () => {
  it('diamond: the top waits for both sides, which run side by side on one base', async () => {
    const graph = new SumGraph();
    const both = [deferred(), deferred()];
    const side = (name: string, own: number, other: number): Vertex<Sum> =>
      graph.vertex(name, {
        inputs: [base],
        value: async ([value = 0]) => {
          both[own]?.resolve();
          await both[other]?.promise;
          return value + 10 ** (own + 1);
        },
      });
    const base = graph.constant('base', 1);
    const events: BuildEvent[] = [];
    const top = graph.sum('top', [side('left', 0, 1), side('right', 1, 0)]);
    expect(await valueOf(top, { jobs: 2, events })).toBe(112);
    const told = stepEvents(events);
    expect(told.slice(0, 2)).toEqual(['started base', 'done base']);
    expect(told.slice(-2)).toEqual(['started top', 'done top']);
    expect([...graph.executed].sort()).toEqual(['base', 'left', 'right', 'top']);
  });

  it('content cut-off: after any edits the result is that of building anew, and nothing runs twice on one content', async () => {
    const edits = fc.array(numbers, { minLength: 1, maxLength: 5 });
    const property = fc.asyncProperty(
      shape,
      edits,
      jobs,
      fc.scheduler(),
      async (inputs, series, count, s) => {
        const cache = new MemoryCache(contentOf);
        const before = new Set<string>();
        for (const values of series) {
          const nodes = nodesOf(inputs, values);
          const now: string[] = [];
          const target = vertices(new SumGraph(), { nodes, scheduler: s, ran: (what) => now.push(what) });
          const { value } = await s.waitFor(solveSum(target, { cache, jobs: count }));
          expect(value).toBe(expected(nodes));
          expect(now.filter((what) => before.has(what))).toEqual([]);
          expect(new Set(now).size).toBe(now.length);
          for (const what of now) before.add(what);
          expect(cache.claims).toBe(0);
        }
      },
    );
    await fc.assert(property, runs(100));
  });

  it('cancellation cleans up: stopped at any moment, nothing runs on, no claim stays, and the next build is right', async () => {
    const property = fc.asyncProperty(
      shape,
      numbers,
      fc.record({ count: jobs, moment: fc.nat(12) }),
      fc.scheduler(),
      async (inputs, values, { count, moment }, s) => {
        const cache = new MemoryCache(contentOf);
        const nodes = nodesOf(inputs, values);
        const stop = new AbortController();
        const events: BuildEvent[] = [];
        const solved = solveSum(vertices(new SumGraph(), { nodes, scheduler: s }), {
          cache,
          events,
          jobs: count,
          signal: stop.signal,
        }).then(
          ({ value }) => value,
          (error: unknown) => error,
        );
        for (let step = 0; step < moment; step++) {
          await untilCalm();
          if (s.count() > 0) await s.waitNext(1);
        }
        const reason = new Error('enough');
        stop.abort(reason);
        const outcome = await s.waitFor(solved);
        expect([reason, expected(nodes)]).toContain(outcome);
        const told = stepEvents(events);
        const started = told.filter((line) => line.startsWith('started'));
        expect(told.filter((line) => /^(done|cancelled) /.test(line))).toHaveLength(started.length);
        expect(cache.claims).toBe(0);
        await s.waitIdle();
        expect(stepEvents(events)).toEqual(told);
        const again = vertices(new SumGraph(), { nodes, scheduler: s });
        expect(await s.waitFor(valueOf(again, { cache, jobs: count }))).toBe(expected(nodes));
      },
    );
    await fc.assert(property, runs(60));
  });

  it('deterministic: any number of jobs and any order come to the same results and records', async () => {
    const property = fc.asyncProperty(shape, numbers, fc.scheduler(), async (inputs, values, s) => {
      const nodes = nodesOf(inputs, values);
      const found = [];
      for (const count of [1, 2, 4]) {
        const cache = new MemoryCache(contentOf);
        const { value } = await s.waitFor(
          solveSum(vertices(new SumGraph(), { nodes, scheduler: s }), { cache, jobs: count }),
        );
        const records = [...cache.records].map(([key, record]) => [key, record.result.value] as const);
        found.push(JSON.stringify([value, records.sort(([one], [other]) => (one < other ? -1 : 1))]));
      }
      expect(new Set(found).size).toBe(1);
    });
    await fc.assert(property, runs(50));
  });
});
