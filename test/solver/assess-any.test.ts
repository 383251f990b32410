import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Assessment, Vertex } from '../../src/solver/index.ts';
import { MemoryCache } from '../support/memory-cache.ts';
import { runs } from '../support/series.ts';
import { assessSum, contentOf, solveSum, SumGraph, type Sum } from '../support/sums.ts';

describe('what is foretold comes true', () => {
  interface Node {
    readonly number: number;
    readonly inputs: readonly number[];
    readonly anew: boolean;
  }

  const node = fc.record({
    number: fc.integer({ min: -2, max: 2 }),
    inputs: fc.array(fc.nat(1000), { maxLength: 2 }),
    anew: fc.integer({ min: 0, max: 7 }).map((number) => number === 0),
  });
  const nodes = fc.array(node, { minLength: 1, maxLength: 9 });

  function build(
    list: readonly Node[],
    graph: SumGraph,
  ): readonly [target: Vertex<Sum>, all: readonly Vertex<Sum>[]] {
    const made: Vertex<Sum>[] = [];
    for (const [index, { number, inputs, anew }] of list.entries()) {
      made.push(
        graph.vertex(`v${index} adds ${number}`, {
          definition: `adds ${number}`,
          inputs:
            index === 0
              ? []
              : inputs.map((input) => made[input % index]).filter((input) => input !== undefined),
          value: (values) => values.reduce((sum, value) => sum + value, number),
          ignoreCache: anew,
        }),
      );
    }
    const target = made.at(-1);
    if (target === undefined) throw new Error('an empty graph');
    return [target, made];
  }

  function definitionOf({ vertex }: Assessment<Sum>): string {
    return vertex.name.replace(/^v\d+ /, '');
  }

  it('what is to run executes, what is cached or unneeded does not', async () => {
    const property = fc.asyncProperty(fc.array(nodes, { maxLength: 3 }), nodes, async (earlier, last) => {
      const cache = new MemoryCache(contentOf);
      for (const list of earlier) await solveSum(build(list, new SumGraph())[0], { cache, jobs: 1 });
      const graph = new SumGraph();
      const [target, all] = build(last, graph);
      const found = await assessSum(target, cache);
      await solveSum(target, { cache, jobs: 1 });
      // Vertices with one id are one, whatever they are called.
      const ran = new Set(all.filter(({ name }) => graph.executed.includes(name)).map(({ id }) => id));
      for (const each of found) {
        const { vertex, outlook } = each;
        const executed = ran.has(vertex.id);
        // Of two with one definition, the second may find what the first has saved meanwhile.
        const twin = found.some((other) => other !== each && definitionOf(other) === definitionOf(each));
        const expected = { cached: [false], unneeded: [false], maybe: [true, false], run: [true] };
        const possible = outlook.status === 'run' && twin ? [true, false] : expected[outlook.status];
        expect(possible, `${vertex.name} ${outlook.status}`).toContain(executed);
        if ('reasons' in outlook) expect(outlook.reasons.length).toBeGreaterThan(0);
      }
    });
    await fc.assert(property, runs(300));
  });
});
