import type { Digest, MissReason } from '../core/index.ts';
import { InFlight } from './in-flight.ts';
import { contentKeyOf, Keyring, type Keyed } from './keyring.ts';
import { missReasons, type RecordReader } from './miss.ts';
import { inputsFirst } from './order.ts';
import type { ResultCache, Vertex } from './types.ts';

/** How a vertex would fare if its target were solved now. */
export type Outlook =
  /** A record answers its definition key, or its content key where the content of all inputs is known. */
  | { readonly status: 'cached'; readonly by: 'definition' | 'content' }
  /** Only vertices that are cached would ask for it. */
  | { readonly status: 'unneeded' }
  /** It was run before on other inputs: whether that result answers depends on what the inputs will hold. */
  | { readonly status: 'maybe'; readonly reasons: readonly MissReason[] }
  | { readonly status: 'run'; readonly reasons: readonly MissReason[] };

export interface Assessment<R> {
  readonly vertex: Vertex<R>;
  /** The definition key. */
  readonly key: Digest;
  readonly outlook: Outlook;
}

export interface AssessOptions<R> {
  /** Only read. */
  readonly cache: Pick<ResultCache<R>, 'lookup'> & RecordReader<R>;
  readonly signal: AbortSignal;
}

/**
 * Says what `solve` would do for each vertex below the target, itself included, inputs before their consumers. Executes
 * nothing and saves nothing; asks each op for its cache map, and for the content of results that are there.
 */
export async function assess<R>(
  target: Vertex<R>,
  options: AssessOptions<R>,
): Promise<readonly Assessment<R>[]> {
  return assessAll([target], options);
}

/** As `assess` for several targets of one solving: what they share stands there once. */
export async function assessAll<R>(
  targets: readonly Vertex<R>[],
  options: AssessOptions<R>,
): Promise<readonly Assessment<R>[]> {
  const work = new InFlight(options.signal);
  return work.run(() => new Assessor(options.cache, work).assess(targets));
}

/** A vertex with what is known of it. */
interface Node<R> {
  readonly vertex: Vertex<R>;
  readonly keyed: Keyed<R>;
}

class Assessor<R> {
  readonly #cache: AssessOptions<R>['cache'];
  readonly #work: InFlight;
  readonly #nodes = new Map<Digest, Node<R>>();
  readonly #outlooks = new Map<Digest, Outlook>();
  /** Of what is cached. */
  readonly #results = new Map<Digest, R>();

  constructor(cache: AssessOptions<R>['cache'], work: InFlight) {
    this.#cache = cache;
    this.#work = work;
  }

  async assess(targets: readonly Vertex<R>[]): Promise<readonly Assessment<R>[]> {
    const keys = new Keyring<R>(this.#work);
    for (const target of targets) await keys.of(target);
    const order = inputsFirst(...targets);
    for (const vertex of order) this.#nodes.set(vertex.id, { vertex, keyed: await keys.of(vertex) });
    const missed = await this.#lookUp(targets, order.toReversed());
    const taken = new Set([...this.#nodes.values()].map(({ keyed }) => keyed.parts));
    for (const vertex of order) {
      this.#work.signal.throwIfAborted();
      if (missed.has(vertex.id)) this.#outlooks.set(vertex.id, await this.#explain(vertex, taken));
    }
    return order.map((vertex) => ({
      vertex,
      key: this.#node(vertex).keyed.key,
      outlook: this.#outlooks.get(vertex.id) ?? { status: 'unneeded' },
    }));
  }

  /** Definition keys from the targets on, as the solver asks: a hit asks for nothing below it. */
  async #lookUp(
    targets: readonly Vertex<R>[],
    consumersFirst: readonly Vertex<R>[],
  ): Promise<ReadonlySet<Digest>> {
    const asked = new Set(targets.map(({ id }) => id));
    const missed = new Set<Digest>();
    for (const vertex of consumersFirst) {
      if (!asked.has(vertex.id)) continue;
      const { keyed } = this.#node(vertex);
      const result = keyed.anew ? undefined : await this.#cache.lookup(keyed.key);
      if (result !== undefined) this.#hit(vertex, result, 'definition');
      else {
        missed.add(vertex.id);
        for (const input of vertex.inputs) asked.add(input.id);
      }
    }
    return missed;
  }

  async #explain(vertex: Vertex<R>, taken: ReadonlySet<Digest>): Promise<Outlook> {
    const { keyed } = this.#node(vertex);
    const known = !vertex.ignoreCache && (await this.#cache.knows(keyed.parts));
    const results = vertex.inputs.flatMap(({ id }) =>
      this.#results.has(id) ? [this.#results.get(id) as R] : [],
    );
    const complete = results.length === vertex.inputs.length;
    if (known && complete) {
      const result = await this.#cache.lookup(await contentKeyOf(keyed, results), 'content');
      if (result !== undefined) return this.#hit(vertex, result, 'content');
    }
    const inputs = vertex.inputs.map((input) => this.#node(input).keyed);
    const reasons = await missReasons(
      { vertex, keyed, inputs, isCached: (id) => this.#results.has(id) },
      this.#cache,
      taken,
    );
    return { status: known && !complete ? 'maybe' : 'run', reasons };
  }

  #hit(vertex: Vertex<R>, result: R, by: 'definition' | 'content'): Outlook {
    this.#results.set(vertex.id, result);
    const outlook: Outlook = { status: 'cached', by };
    this.#outlooks.set(vertex.id, outlook);
    return outlook;
  }

  #node({ id, name }: Vertex<R>): Node<R> {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`${name} is not part of the graph`);
    return node;
  }
}
