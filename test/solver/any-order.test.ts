import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { BuildEvent } from '../../src/core/index.ts';
import type { Vertex } from '../../src/solver/index.ts';
import { MemoryCache } from '../support/memory-cache.ts';
import { runs } from '../support/series.ts';
import { stepEvents } from '../support/step-events.ts';
import { contentOf, solveSum, SumGraph, type Sum } from '../support/sums.ts';

/** A graph as data: each node adds its own number to those of some earlier ones. */
interface Node {
  readonly number: number;
  readonly inputs: readonly number[];
  readonly heavy: boolean;
  readonly fails: boolean;
}

function graphs({ failures }: { readonly failures: boolean }): fc.Arbitrary<readonly Node[]> {
  const node = fc.record({
    number: fc.integer({ min: 0, max: 3 }),
    inputs: fc.array(fc.nat(1000), { maxLength: 3 }),
    heavy: fc.boolean(),
    fails: fc.constant(failures),
  });
  return fc.array(node, { minLength: 1, maxLength: 12 }).map((nodes) =>
    nodes.map((each, index) => ({
      ...each,
      inputs: index === 0 ? [] : each.inputs.map((input) => input % index),
      fails: each.fails && (each.number + index) % 4 === 0,
    })),
  );
}

/** What the target comes to, by plain recursion. */
function expected(nodes: readonly Node[], index = nodes.length - 1): number {
  const node = nodes[index];
  if (node === undefined) throw new Error('no node');
  return node.inputs.reduce((sum, input) => sum + expected(nodes, input), node.number);
}

function vertices(graph: SumGraph, nodes: readonly Node[], scheduler: fc.Scheduler): Vertex<Sum> {
  const made: Vertex<Sum>[] = [];
  for (const [index, { number, inputs, heavy, fails }] of nodes.entries()) {
    const name = `node ${index}`;
    made.push(
      graph.vertex(name, {
        inputs: inputs.map((input) => made[input]).filter((input) => input !== undefined),
        parts: number,
        heavy,
        settled: scheduler.schedule(Promise.resolve(), `${name} packed`),
        value: async (values) => {
          await scheduler.schedule(Promise.resolve(), name);
          if (fails) throw new Error(`${name} fails`);
          return values.reduce((sum, value) => sum + value, number);
        },
      }),
    );
  }
  const target = made.at(-1);
  if (target === undefined) throw new Error('an empty graph');
  return target;
}

describe('in any order of completion, with any number of jobs', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  beforeAll(() => void process.on('unhandledRejection', note));
  afterAll(() => void process.off('unhandledRejection', note));

  const jobs = fc.integer({ min: 1, max: 4 });

  it('gives the same result, executes no vertex twice, tells of each once', async () => {
    const property = fc.asyncProperty(
      graphs({ failures: false }),
      jobs,
      fc.scheduler(),
      async (nodes, jobs, s) => {
        const cache = new MemoryCache(contentOf);
        const graph = new SumGraph();
        const events: BuildEvent[] = [];
        const result = await s.waitFor(solveSum(vertices(graph, nodes, s), { cache, jobs, events }));
        expect(result.value).toBe(expected(nodes));
        expect(new Set(graph.executed).size).toBe(graph.executed.length);
        const told = stepEvents(events);
        expect(new Set(told).size).toBe(told.length);
        const names = told
          .filter((line) => line.startsWith('started'))
          .map((line) => line.slice('started '.length));
        for (const name of names)
          expect(told.indexOf(`done ${name}`)).toBeGreaterThan(told.indexOf(`started ${name}`));
        expect([...graph.executed].sort()).toEqual(names.sort());
      },
    );
    await fc.assert(property, runs(150));
  });

  it('the second build executes nothing', async () => {
    const property = fc.asyncProperty(
      graphs({ failures: false }),
      jobs,
      fc.scheduler(),
      async (nodes, jobs, s) => {
        const cache = new MemoryCache(contentOf);
        await s.waitFor(solveSum(vertices(new SumGraph(), nodes, s), { cache, jobs }));
        const graph = new SumGraph();
        const again = await s.waitFor(solveSum(vertices(graph, nodes, s), { cache, jobs }));
        expect(again.value).toBe(expected(nodes));
        expect(graph.executed).toEqual([]);
      },
    );
    await fc.assert(property, runs(50));
  });

  it('two solvers of one cache agree', async () => {
    const property = fc.asyncProperty(
      graphs({ failures: false }),
      jobs,
      fc.scheduler(),
      async (nodes, jobs, s) => {
        const cache = new MemoryCache(contentOf);
        const both = [new SumGraph(), new SumGraph()];
        const results = await s.waitFor(
          Promise.all(both.map((graph) => solveSum(vertices(graph, nodes, s), { cache, jobs }))),
        );
        expect(results.map(({ value }) => value)).toEqual([expected(nodes), expected(nodes)]);
        const executed = both.flatMap((graph) => graph.executed);
        expect(new Set(executed).size).toBe(executed.length);
      },
    );
    await fc.assert(property, runs(100));
  });

  it('a failure is the one that was told of first, and nothing is left running', async () => {
    const property = fc.asyncProperty(
      graphs({ failures: true }),
      jobs,
      fc.scheduler(),
      async (nodes, jobs, s) => {
        const graph = new SumGraph();
        const events: BuildEvent[] = [];
        const target = vertices(graph, nodes, s);
        const outcome = await s.waitFor(
          solveSum(target, { jobs, events }).then(
            (result) => result.value,
            (error: unknown) => String(error),
          ),
        );
        const told = stepEvents(events);
        const failed = told.filter((line) => line.startsWith('failed'));
        if (typeof outcome === 'number') expect([outcome, failed]).toEqual([expected(nodes), []]);
        else expect(failed).toEqual([outcome.replace(/^Error: (node \d+) fails$/, 'failed $1')]);
        const ended = told.filter((line) => /^(done|failed|cancelled) /.test(line));
        expect(ended).toHaveLength(told.filter((line) => line.startsWith('started')).length);
      },
    );
    await fc.assert(property, runs(150));
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });
});
