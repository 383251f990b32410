import PQueue from 'p-queue';

import { TsbuildError, type Digest, type EmitBuildEvent } from '../core/index.ts';
import { cacheKey, inputKeys, partsDigest } from './keys.ts';
import type { CacheMap, Claim, ResultCache, RunContext, Vertex } from './types.ts';

export interface SolveOptions<R> {
  readonly cache: ResultCache<R>;
  /** How many heavy vertices execute at once. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly emit: EmitBuildEvent;
}

/**
 * `early` may be used as soon as the vertex has run; `settled` is the same state once its content is known, replaced
 * by an earlier equal one where there is one, and saved. Only a child that some record may answer waits for the latter.
 */
interface Outcome<R> {
  readonly early: R;
  readonly settled: Promise<R>;
}

interface Keyed<R> {
  readonly cacheMap: CacheMap<R>;
  readonly parts: Digest;
  readonly key: Digest;
}

/**
 * Runs what the target needs and the cache does not hold, each vertex once, independent ones side by side. The first
 * failure cancels the rest; the promise settles only when nothing runs any more.
 */
export async function solve<R>(target: Vertex<R>, options: SolveOptions<R>): Promise<R> {
  const solver = new Solver(options);
  return solver.run(target);
}

class Solver<R> {
  readonly #cache: ResultCache<R>;
  readonly #queue: PQueue;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #emit: EmitBuildEvent;
  readonly #keyed = new Map<Digest, Promise<Keyed<R>>>();
  readonly #outcomes = new Map<Digest, Promise<Outcome<R>>>();
  readonly #shown = new Set<Digest>();
  /** Everything in flight, so that a failure is reported only after the rest has come to a halt. */
  readonly #pending = new Set<Promise<unknown>>();

  constructor(options: SolveOptions<R>) {
    this.#cache = options.cache;
    this.#queue = new PQueue({ concurrency: options.jobs });
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#emit = options.emit;
  }

  async run(target: Vertex<R>): Promise<R> {
    try {
      const outcome = await this.#outcome(target);
      const result = await outcome.settled;
      await Promise.all(this.#pending);
      return result;
    } catch (error) {
      this.#stop.abort(error);
      while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
      // The first cause, not whichever of the cancelled vertices was heard first.
      throw this.#signal.reason;
    }
  }

  #track<T>(promise: Promise<T>): Promise<T> {
    this.#pending.add(promise);
    promise.then(
      () => this.#pending.delete(promise),
      () => this.#pending.delete(promise),
    );
    return promise;
  }

  #keys(vertex: Vertex<R>): Promise<Keyed<R>> {
    return once(this.#keyed, vertex.id, () => this.#track(this.#computeKeys(vertex)));
  }

  async #computeKeys(vertex: Vertex<R>): Promise<Keyed<R>> {
    const [cacheMap, ...inputs] = await Promise.all([
      vertex.op.cacheMap(this.#signal),
      ...vertex.inputs.map((input) => this.#keys(input)),
    ]);
    const parts = partsDigest(cacheMap.parts);
    const digests = inputs.map((input) => input.key);
    return { cacheMap, parts, key: cacheKey('definition', parts, inputKeys(cacheMap, digests)) };
  }

  #outcome(vertex: Vertex<R>): Promise<Outcome<R>> {
    return once(this.#outcomes, vertex.id, () => this.#track(this.#solveVertex(vertex)));
  }

  async #solveVertex(vertex: Vertex<R>): Promise<Outcome<R>> {
    const keyed = await this.#keys(vertex);
    this.#signal.throwIfAborted();
    const known = vertex.ignoreCache ? undefined : await this.#cache.lookup(keyed.key);
    if (known !== undefined) return this.#cached(vertex, known);

    const worthWaiting = !vertex.ignoreCache && (await this.#cache.knows(keyed.parts));
    const outcomes = await Promise.all(vertex.inputs.map((input) => this.#outcome(input)));
    const inputs = worthWaiting
      ? await Promise.all(outcomes.map((outcome) => outcome.settled))
      : outcomes.map((outcome) => outcome.early);
    if (worthWaiting) {
      const contentKey = await this.#contentKey(keyed, inputs);
      const same = await this.#cache.lookup(contentKey);
      if (same !== undefined) {
        await this.#save(vertex, keyed, { result: same, keys: [keyed.key] });
        return this.#cached(vertex, same);
      }
    }
    return this.#execute(vertex, keyed, { inputs, settled: Promise.all(outcomes.map((outcome) => outcome.settled)) });
  }

  async #contentKey(keyed: Keyed<R>, inputs: readonly R[]): Promise<Digest> {
    const digests = await Promise.all(
      inputs.map((input, index) => {
        const map = keyed.cacheMap.inputs[index];
        if (map === undefined) throw new Error('a cache map has fewer inputs than its vertex');
        return map.contentDigest(input);
      }),
    );
    return cacheKey('content', keyed.parts, inputKeys(keyed.cacheMap, digests));
  }

  async #execute(
    vertex: Vertex<R>,
    keyed: Keyed<R>,
    parents: { readonly inputs: readonly R[]; readonly settled: Promise<readonly R[]> },
  ): Promise<Outcome<R>> {
    // Another process may be at work on the same key: its result is as good as ours. No job slot is held while waiting.
    parents.settled.catch(() => undefined); // heard by #settle, which a failing exec never reaches
    const claimed = await this.#cache.claim(keyed.key, { signal: this.#signal, ignoreExisting: vertex.ignoreCache });
    if (claimed.kind === 'existing') return this.#cached(vertex, claimed.result);
    let early: R;
    try {
      early = await this.#runInSlot(vertex, parents.inputs);
    } catch (error) {
      await claimed.claim[Symbol.asyncDispose]();
      throw error;
    }
    const settled = this.#track(this.#settle(vertex, keyed, { early, parents: parents.settled, claim: claimed.claim }));
    // A failure to pack or save fails the build through the final wait; nobody else may be listening by then.
    settled.catch((error: unknown) => this.#stop.abort(error));
    return { early, settled };
  }

  async #settle(
    vertex: Vertex<R>,
    keyed: Keyed<R>,
    ran: { readonly early: R; readonly parents: Promise<readonly R[]>; readonly claim: Claim },
  ): Promise<R> {
    await using _claim = ran.claim;
    const result = vertex.ignoreCache ? ran.early : await this.#cache.canonical(ran.early);
    const contentKey = await this.#contentKey(keyed, await ran.parents);
    await this.#save(vertex, keyed, { result, keys: [keyed.key, contentKey] });
    return result;
  }

  async #save(vertex: Vertex<R>, keyed: Keyed<R>, saved: { readonly result: R; readonly keys: readonly Digest[] }): Promise<void> {
    const inputs = await Promise.all(vertex.inputs.map((input) => this.#keys(input)));
    await this.#cache.save(saved.keys, {
      result: saved.result,
      parts: keyed.cacheMap.parts,
      partsDigest: keyed.parts,
      inputKeys: inputs.map((input) => input.key),
      identity: vertex.identity,
      created: new Date().toISOString(),
    });
  }

  async #runInSlot(vertex: Vertex<R>, inputs: readonly R[]): Promise<R> {
    if (!vertex.heavy) return this.#runOp(vertex, inputs);
    return this.#queue.add(() => this.#runOp(vertex, inputs));
  }

  async #runOp(vertex: Vertex<R>, inputs: readonly R[]): Promise<R> {
    this.#signal.throwIfAborted();
    const step = { id: vertex.id, name: vertex.name };
    this.#shown.add(vertex.id);
    this.#emit({ type: 'step-started', step, time: Date.now() });
    const context: RunContext = {
      signal: this.#signal,
      log: (stream, data) => this.#emit({ type: 'step-log', step, stream, data, time: Date.now() }),
      status: (id, current, total) => this.#emit({ type: 'status', step, id, current, total }),
      warn: (message) => this.#emit({ type: 'warning', message }),
    };
    try {
      const result = await vertex.op.exec(inputs, context);
      this.#emit({ type: 'step-done', step, time: Date.now() });
      return result;
    } catch (error) {
      if (this.#signal.aborted) {
        this.#emit({ type: 'step-cancelled', step, time: Date.now() });
      } else {
        this.#emit({ type: 'step-failed', step, error: asTsbuildError(error), time: Date.now() });
        // At once, so that what runs beside it stops now and not when it is next looked at.
        this.#stop.abort(error);
      }
      throw error;
    }
  }

  #cached(vertex: Vertex<R>, result: R): Outcome<R> {
    this.#showCached(vertex);
    return { early: result, settled: Promise.resolve(result) };
  }

  /** A hit answers for everything below it, which is therefore never asked for: shown as cached all the same. */
  #showCached(vertex: Vertex<R>): void {
    if (this.#shown.has(vertex.id)) return;
    this.#shown.add(vertex.id);
    for (const input of vertex.inputs) if (!this.#outcomes.has(input.id)) this.#showCached(input);
    this.#emit({ type: 'step-cached', step: { id: vertex.id, name: vertex.name }, time: Date.now() });
  }
}

function once<T>(memo: Map<Digest, Promise<T>>, id: Digest, make: () => Promise<T>): Promise<T> {
  const existing = memo.get(id);
  if (existing !== undefined) return existing;
  const made = make();
  memo.set(id, made);
  return made;
}

function asTsbuildError(error: unknown): TsbuildError {
  if (error instanceof TsbuildError) return error;
  return new TsbuildError('INTERNAL', error instanceof Error ? error.message : String(error), { cause: error });
}
