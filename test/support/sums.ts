import { digestOf, type BuildEvent, type Digest, type Json } from '../../src/core/index.ts';
import {
  assess,
  solve,
  type Assessment,
  type ResultCache,
  type RunContext,
  type Vertex,
} from '../../src/solver/index.ts';
import { MemoryCache } from './memory-cache.ts';

/** A result that can be checked by arithmetic. Each execution makes a new one; equal values are equal content. */
export interface Sum {
  readonly value: number;
  readonly serial: number;
  /** When the content is known: later than the result, where a test says so. */
  readonly content: Promise<Digest>;
}

export function contentOf(sum: Sum): Promise<Digest> {
  return sum.content;
}

export interface SumOptions {
  /** What the definition is named after; default the name. */
  readonly definition?: string;
  readonly parts?: Json;
  readonly inputs?: readonly Vertex<Sum>[];
  /** Default: the constant 0 plus all inputs. */
  readonly value?: (inputs: readonly number[], context: RunContext) => number | Promise<number>;
  /** Waited for before the content of the result is known. */
  readonly settled?: Promise<unknown>;
  readonly ignoreCache?: boolean;
  readonly heavy?: boolean;
  readonly selectors?: readonly string[];
  readonly keys?: () => void | Promise<void>;
}

/** Synthetic vertices that count how often each is executed and keyed. */
export class SumGraph {
  readonly executed: string[] = [];
  readonly keyed: string[] = [];
  /** And each `prepare NAME`, with `execute NAME`, in their order. */
  readonly log: string[] = [];
  #serial = 0;

  vertex(name: string, options: SumOptions = {}): Vertex<Sum> {
    const { definition = name, inputs = [], value = total, settled, selectors = [] } = options;
    const { ignoreCache = false } = options;
    return {
      id: digestOf(JSON.stringify([definition, options.parts, ignoreCache, inputs.map(({ id }) => id)])),
      name,
      identity: name,
      inputs,
      ignoreCache,
      heavy: options.heavy ?? true,
      op: {
        cacheMap: async () => {
          this.keyed.push(name);
          await options.keys?.();
          return {
            parts: { op: definition, more: options.parts ?? null },
            inputs: inputs.map((_, index) => ({ selector: selectors[index], contentDigest: contentOf })),
          };
        },
        prepare: () => void this.log.push(`prepare ${name}`),
        exec: async (results, context) => {
          this.executed.push(name);
          this.log.push(`execute ${name}`);
          const made = await value(
            results.map((result) => result.value),
            context,
          );
          const content = (settled ?? Promise.resolve()).then(() => digestOf(`value ${made}`));
          content.catch(() => undefined); // the solver hears of it when it asks
          return { value: made, serial: ++this.#serial, content };
        },
      },
    };
  }

  constant(name: string, value: number, options: SumOptions = {}): Vertex<Sum> {
    return this.vertex(name, { parts: value, value: () => value, ...options });
  }

  sum(name: string, inputs: readonly Vertex<Sum>[], options: SumOptions = {}): Vertex<Sum> {
    return this.vertex(name, { inputs, ...options });
  }

  add(name: string, input: Vertex<Sum>, amount: number, options: SumOptions = {}): Vertex<Sum> {
    return this.vertex(name, {
      inputs: [input],
      parts: amount,
      value: (values) => total(values) + amount,
      ...options,
    });
  }
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

export interface SolveWorld {
  readonly cache?: ResultCache<Sum>;
  readonly jobs?: number;
  readonly signal?: AbortSignal;
  readonly events?: BuildEvent[];
}

/** Solves with what the test does not care about filled in. */
export function solveSum(target: Vertex<Sum>, world: SolveWorld = {}): Promise<Sum> {
  return solve(target, {
    cache: world.cache ?? new MemoryCache(contentOf),
    jobs: world.jobs ?? 2,
    signal: world.signal ?? new AbortController().signal,
    emit: (event) => world.events?.push(event),
  });
}

export async function valueOf(target: Vertex<Sum>, world?: SolveWorld): Promise<number> {
  return (await solveSum(target, world)).value;
}

/** How a build on that cache would fare. */
export function assessSum(
  target: Vertex<Sum>,
  cache: ResultCache<Sum> = new MemoryCache(contentOf),
): Promise<readonly Assessment<Sum>[]> {
  return assess(target, { cache, signal: new AbortController().signal });
}

/** Until nothing moves any more but what waits for the test: microtasks and immediates, no clock. */
export async function untilCalm(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
