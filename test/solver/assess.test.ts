import { describe, expect, it } from 'vitest';

import { canonicalJson, type Digest, type MissReason } from '../../src/core/index.ts';
import { assess, type Assessment, type Vertex } from '../../src/solver/index.ts';
import { deferred } from '../support/deferred.ts';
import { MemoryCache } from '../support/memory-cache.ts';
import { assessSum, contentOf, solveSum, SumGraph, type Sum } from '../support/sums.ts';

type Build = (graph: SumGraph) => Vertex<Sum>;

/** One line a vertex: `name: status`, with by what or why. */
function lines(assessments: readonly Assessment<Sum>[]): readonly string[] {
  const names = new Map(assessments.map(({ vertex }) => [vertex.id, vertex.name]));
  return assessments.map(({ vertex, outlook }) => {
    switch (outlook.status) {
      case 'cached':
        return `${vertex.name}: cached by ${outlook.by}`;
      case 'unneeded':
        return `${vertex.name}: unneeded`;
      case 'maybe':
      case 'run':
        return `${vertex.name}: ${outlook.status}, ${outlook.reasons.map((reason) => reasonText(reason, names)).join('; ')}`;
    }
  });
}

function reasonText(reason: MissReason, names: ReadonlyMap<Digest, string>): string {
  switch (reason.kind) {
    case 'definition':
      return reason.changes
        .map((change) =>
          [
            change.path.join('.'),
            'before' in change ? canonicalJson(change.before) : '',
            'after' in change ? canonicalJson(change.after) : '',
          ].join(' '),
        )
        .join(', ');
    case 'inputs':
      return reason.inputs
        .map(({ index, id, cause }) => `input ${index} ${names.get(id)} ${cause}`)
        .join(', ');
    case 'no-cache':
    case 'first-time':
    case 'expired':
    case 'lost':
      return reason.kind;
  }
}

/** Solves each of `before` in turn, then says how the last would fare on the same cache. */
async function after(before: readonly Build[], last: Build): Promise<readonly string[]> {
  const cache = new MemoryCache(contentOf);
  for (const build of before) await solveSum(build(new SumGraph()), { cache });
  return lines(await assessSum(last(new SumGraph()), cache));
}

const chain =
  (constant: number, first: number, second = 20): Build =>
  (graph) =>
    graph.add('second', graph.add('first', graph.constant('base', constant), first), second);

describe('how a build would fare', () => {
  it('all is there: the target is asked and nothing below it', async () => {
    expect(await after([chain(1, 10)], chain(1, 10))).toEqual([
      'base: unneeded',
      'first: unneeded',
      'second: cached by definition',
    ]);
  });

  it('for the first time', async () => {
    expect(await after([], chain(1, 10))).toEqual([
      'base: run, first-time',
      'first: run, first-time',
      'second: run, first-time',
    ]);
  });

  it('a part of its own changed: told with both values', async () => {
    expect(await after([chain(1, 10)], chain(1, 10, 21))).toEqual([
      'base: unneeded',
      'first: cached by definition',
      'second: run, more 20 21',
    ]);
  });

  it('its input changed: what the input comes to decides', async () => {
    expect(await after([chain(1, 10)], chain(1, 11))).toEqual([
      'base: cached by definition',
      'first: run, more 10 11',
      'second: maybe, input 0 first definition',
    ]);
  });

  it('its own definition and its input changed', async () => {
    expect(await after([chain(1, 10)], chain(1, 11, 21))).toEqual([
      'base: cached by definition',
      'first: run, more 10 11',
      'second: run, more 20 21; input 0 first definition',
    ]);
  });

  it('is compared with the newest record', async () => {
    const [, , second] = await after([chain(1, 10, 1), chain(1, 10, 2), chain(1, 10, 3)], chain(1, 10, 4));
    expect(second).toBe('second: run, more 3 4');
  });

  it('went back to what it was before: nothing to do', async () => {
    expect(await after([chain(1, 10), chain(2, 11)], chain(1, 10))).toContain('second: cached by definition');
  });

  it('an input with another definition and the same content is decided at once', async () => {
    // 1 + 10 and 2 + 9 come to the same; `second` of the latter has never been solved.
    const first: Build = (graph) => graph.add('first', graph.constant('base', 2), 9);
    expect(await after([chain(1, 10), first], chain(2, 9))).toEqual([
      'base: unneeded',
      'first: cached by definition',
      'second: cached by content',
    ]);
  });

  it('an input that is cached and holds something else runs for sure', async () => {
    const first: Build = (graph) => graph.add('first', graph.constant('base', 2), 10);
    expect(await after([chain(1, 10), first], chain(2, 10))).toEqual([
      'base: unneeded',
      'first: cached by definition',
      'second: run, input 0 first another',
    ]);
  });

  it('another part of an input counts', async () => {
    const selects =
      (selector: string): Build =>
      (graph) =>
        graph.sum('top', [graph.constant('base', 1)], { selectors: [selector] });
    expect(await after([selects('/a')], selects('/b'))).toEqual([
      'base: cached by definition',
      'top: run, input 0 base selector',
    ]);
  });

  const diamond =
    (left: number, right: number): Build =>
    (graph) => {
      const base = graph.constant('base', 1);
      return graph.sum('top', [graph.add('left', base, left), graph.add('right', base, right)]);
    };

  it('a diamond with one side changed', async () => {
    expect(await after([diamond(10, 100)], diamond(10, 101))).toEqual([
      'base: cached by definition',
      'left: cached by definition',
      'right: run, more 100 101',
      'top: maybe, input 1 right definition',
    ]);
  });

  it('a vertex that a miss and a hit stand on is asked for', async () => {
    const build =
      (amount: number): Build =>
      (graph) => {
        const base = graph.constant('base', 1);
        return graph.sum('top', [graph.add('old', base, 1), graph.add('new', base, amount)]);
      };
    expect(await after([build(5)], build(6))).toContain('base: cached by definition');
  });

  it('a whole tree below a hit is unneeded', async () => {
    const build =
      (amount: number): Build =>
      (graph) => {
        const deep = graph.sum('deep', [graph.constant('a', 1), graph.constant('b', 2)]);
        return graph.add('top', graph.sum('hit', [deep, graph.add('beside', deep, 3)]), amount);
      };
    expect(await after([build(5)], build(6))).toEqual([
      'a: unneeded',
      'b: unneeded',
      'deep: unneeded',
      'beside: unneeded',
      'hit: cached by definition',
      'top: run, more 5 6',
    ]);
  });

  it('C-06 what is made anew runs; what stands on it is decided by content', async () => {
    const anew: Build = (graph) =>
      graph.add('second', graph.add('first', graph.constant('base', 1), 10, { ignoreCache: true }), 20);
    expect(await after([chain(1, 10)], anew)).toEqual([
      'base: cached by definition',
      'first: run, no-cache',
      'second: maybe, input 0 first anew',
    ]);
    expect(await after([], anew)).toEqual([
      'base: run, first-time',
      'first: run, no-cache',
      'second: run, first-time',
    ]);
  });

  it('a vertex put in between is new, whatever stood at its place', async () => {
    const identified =
      (names: readonly string[]): Build =>
      (graph) => {
        let top = graph.constant('0', 0);
        for (const [index, name] of names.entries()) {
          const made = graph.add(name, top, name.length);
          top = { ...made, identity: `stage/${index}` };
        }
        return top;
      };
    expect(await after([identified(['one', 'three'])], identified(['two', 'one', 'three']))).toEqual([
      '0: cached by definition',
      'two: run, first-time',
      'one: maybe, input 0 two definition',
      'three: maybe, input 0 one definition',
    ]);
  });

  it('a result that has vanished is told as such', async () => {
    const cache = new MemoryCache(contentOf);
    await solveSum(chain(1, 10)(new SumGraph()), { cache });
    for (const [key, { identity }] of cache.records) if (identity !== 'base') cache.forget(key);
    expect(lines(await assessSum(chain(1, 10)(new SumGraph()), cache))).toEqual([
      'base: cached by definition',
      'first: run, lost',
      'second: run, lost',
    ]);
    // Markers outlive records.
    cache.knows = async () => true;
    cache.nearest = cache.latest = async () => undefined;
    expect(lines(await assessSum(chain(1, 10)(new SumGraph()), cache))).toEqual([
      'base: cached by definition',
      'first: run, lost',
      'second: maybe, lost',
    ]);
  });

  it('executes nothing, claims nothing and saves nothing, and keys each vertex once', async () => {
    const cache = new MemoryCache(contentOf);
    await solveSum(diamond(1, 2)(new SumGraph()), { cache });
    cache.calls.length = 0;
    const graph = new SumGraph();
    await assessSum(diamond(1, 3)(graph), cache);
    expect(graph.executed).toEqual([]);
    expect(graph.keyed.toSorted()).toEqual(['base', 'left', 'right', 'top']);
    expect(cache.calls.filter((call) => !/^(lookup|knows) /.test(call))).toEqual([]);
  });

  it('takes a chain of two thousand', async () => {
    const graph = new SumGraph();
    let top = graph.constant('0', 0);
    for (let index = 1; index <= 2000; index++) top = graph.add(String(index), top, 1);
    const found = await assessSum(top);
    expect(found).toHaveLength(2001);
    expect(found.map(({ vertex }) => vertex.name).slice(0, 3)).toEqual(['0', '1', '2']);
  });

  it('fails as a build would when a vertex cannot be keyed, once the others have stopped', async () => {
    const graph = new SumGraph();
    const slow = deferred();
    let ended = false;
    const other = graph.constant('other', 1, {
      keys: async () => {
        await slow.promise;
        ended = true;
      },
    });
    const broken = graph.constant('broken', 1, {
      keys: () => {
        setImmediate(slow.resolve);
        return Promise.reject(new Error('no such file'));
      },
    });
    await expect(assessSum(graph.sum('top', [other, broken]))).rejects.toThrow('no such file');
    expect(ended).toBe(true);
  });

  it('stops when told', async () => {
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    const options = { cache: new MemoryCache(contentOf), signal: stop.signal };
    await expect(assess(chain(1, 1)(new SumGraph()), options)).rejects.toThrow('enough');
  });
});
