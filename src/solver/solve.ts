import type { Digest, EmitBuildEvent, MissReason } from '../core/index.ts';
import { InFlight, once } from './in-flight.ts';
import { JobSlots } from './job-slots.ts';
import { contentInputsOf, Keyring, type Keyed } from './keyring.ts';
import { cacheKey } from './keys.ts';
import { missReasons } from './miss.ts';
import { inputsFirst } from './order.ts';
import { StepReporter } from './reporter.ts';
import type { Claim, InputKey, ResultCache, Vertex, WithoutSlot } from './types.ts';

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

/** What a vertex that is to run runs on, and why nothing answered it. */
interface Begin<R> {
  readonly inputs: readonly R[];
  readonly why: readonly MissReason[];
}

/**
 * Runs what the target needs and the cache does not hold, each vertex once, independent ones side by side. The first
 * failure cancels the rest; the promise settles only when nothing runs any more.
 */
export async function solve<R>(target: Vertex<R>, options: SolveOptions<R>): Promise<R> {
  const [result] = await solveAll([target], options);
  return result as R;
}

/** As `solve` for several targets at once: what they share runs once. The results stand in the order of the targets. */
export async function solveAll<R>(
  targets: readonly Vertex<R>[],
  options: SolveOptions<R>,
): Promise<readonly R[]> {
  return new Solver(targets, options).run();
}

class Solver<R> {
  readonly #targets: readonly Vertex<R>[];
  readonly #cache: ResultCache<R>;
  readonly #slots: JobSlots;
  readonly #work: InFlight;
  readonly #signal: AbortSignal;
  readonly #report: StepReporter<R>;
  readonly #keys: Keyring<R>;
  readonly #outcomes = new Map<Digest, Promise<Outcome<R>>>();
  /** Ids of those that the cache has answered. */
  readonly #cachedIds = new Set<Digest>();
  /** Ids of those whose record is in the cache. */
  readonly #answered = new Set<Digest>();
  #allParts: Promise<ReadonlySet<Digest>> | undefined;

  constructor(targets: readonly Vertex<R>[], options: SolveOptions<R>) {
    this.#targets = targets;
    this.#cache = options.cache;
    this.#slots = new JobSlots(options.jobs);
    this.#work = new InFlight(options.signal);
    this.#signal = this.#work.signal;
    this.#keys = new Keyring(this.#work);
    this.#report = new StepReporter(targets, options.emit);
  }

  async run(): Promise<readonly R[]> {
    let complete = false;
    try {
      const results = await this.#work.run(() =>
        Promise.all(this.#targets.map(async (target) => (await this.#outcome(target)).settled)),
      );
      complete = true;
      return results;
    } finally {
      // For explaining only: it neither fails what was solved nor hides why something was not (a full disk).
      await this.#remember(complete).catch(() => undefined);
    }
  }

  /** Of a graph that was solved, what nothing asked for is answered by what stands on it. */
  async #remember(complete: boolean): Promise<void> {
    const keys = new Map<string, Digest | undefined>();
    for (const { id, identity } of inputsFirst(...this.#targets)) {
      const key = this.#keys.known(id);
      keys.set(identity, complete || this.#answered.has(id) ? key : undefined);
    }
    await this.#cache.remember(keys);
  }

  #outcome(vertex: Vertex<R>): Promise<Outcome<R>> {
    this.#report.asked(vertex);
    return once(this.#outcomes, vertex.id, () => this.#work.track(this.#solveVertex(vertex)));
  }

  async #solveVertex(vertex: Vertex<R>): Promise<Outcome<R>> {
    const keyed = await this.#keys.of(vertex);
    this.#signal.throwIfAborted();
    const known = keyed.anew ? undefined : await this.#cache.lookup(keyed.key);
    if (known !== undefined) {
      if (this.#cache.isNew?.(known) === true) await this.#save(vertex, keyed, { result: known });
      return this.#cached(vertex, known);
    }

    const worthWaiting = !vertex.ignoreCache && (await this.#cache.knows(keyed.parts));
    if (!worthWaiting) vertex.op.prepare?.();
    const outcomes = await Promise.all(vertex.inputs.map((input) => this.#outcome(input)));
    const settled = Promise.all(outcomes.map((outcome) => outcome.settled));
    settled.catch(() => undefined); // heard by #settle, which a failing exec never reaches
    const inputs = worthWaiting ? await settled : outcomes.map((outcome) => outcome.early);
    if (worthWaiting) {
      const contentInputs = await contentInputsOf(keyed, inputs);
      const same = await this.#cache.lookup(cacheKey('content', keyed.parts, contentInputs), 'content');
      if (same !== undefined) {
        await this.#save(vertex, keyed, { result: same, contentInputs });
        return this.#cached(vertex, same);
      }
      vertex.op.prepare?.();
    }
    return this.#execute(vertex, keyed, { inputs, settled });
  }

  async #execute(
    vertex: Vertex<R>,
    keyed: Keyed<R>,
    parents: { readonly inputs: readonly R[]; readonly settled: Promise<readonly R[]> },
  ): Promise<Outcome<R>> {
    // Another process may be at work on the same key: its result is as good as ours. No job slot is held while waiting.
    const claimed = await this.#cache.claim(keyed.key, {
      signal: this.#signal,
      ignoreExisting: keyed.anew,
      onWait: (holder) => this.#report.waiting(vertex, holder),
    });
    if (claimed.kind === 'existing') return this.#cached(vertex, claimed.result);
    let early: R;
    try {
      // Before it runs: what it saves would be the nearest record.
      const why = await this.#why(vertex, keyed);
      early = await this.#runInSlot(vertex, { inputs: parents.inputs, why });
    } catch (error) {
      await claimed.claim[Symbol.asyncDispose]();
      throw error;
    }
    const settled = this.#work.track(
      this.#settle(vertex, keyed, { early, parents: parents.settled, claim: claimed.claim }),
    );
    return { early, settled };
  }

  async #settle(
    vertex: Vertex<R>,
    keyed: Keyed<R>,
    ran: { readonly early: R; readonly parents: Promise<readonly R[]>; readonly claim: Claim },
  ): Promise<R> {
    await using _claim = ran.claim;
    const result = vertex.ignoreCache ? ran.early : await this.#cache.canonical(ran.early);
    const contentInputs = await contentInputsOf(keyed, await ran.parents);
    await this.#save(vertex, keyed, { result, contentInputs });
    return result;
  }

  async #save(
    vertex: Vertex<R>,
    keyed: Keyed<R>,
    { result, contentInputs }: { readonly result: R; readonly contentInputs?: readonly InputKey[] },
  ): Promise<void> {
    const content = contentInputs === undefined ? [] : [cacheKey('content', keyed.parts, contentInputs)];
    await this.#cache.save([keyed.key, ...content], {
      result,
      parts: keyed.cacheMap.parts,
      partsDigest: keyed.parts,
      inputKeys: keyed.inputs,
      contents: contentInputs && [contentInputs],
      identity: vertex.identity,
      created: new Date().toISOString(),
    });
    this.#answered.add(vertex.id);
  }

  async #why(vertex: Vertex<R>, keyed: Keyed<R>): Promise<readonly MissReason[]> {
    const inputs = await Promise.all(vertex.inputs.map((input) => this.#keys.of(input)));
    this.#allParts ??= this.#partsOfAll();
    return missReasons(
      { vertex, keyed, inputs, isCached: (id) => this.#cachedIds.has(id) },
      this.#cache,
      await this.#allParts,
    );
  }

  async #partsOfAll(): Promise<ReadonlySet<Digest>> {
    const all = await Promise.all(inputsFirst(...this.#targets).map((vertex) => this.#keys.of(vertex)));
    return new Set(all.map(({ parts }) => parts));
  }

  async #runInSlot(vertex: Vertex<R>, begin: Begin<R>): Promise<R> {
    if (!vertex.heavy) return this.#runOp(vertex, begin, (wait) => wait());
    return this.#slots.run((withoutSlot) => this.#runOp(vertex, begin, withoutSlot));
  }

  async #runOp(vertex: Vertex<R>, { inputs, why }: Begin<R>, withoutSlot: WithoutSlot): Promise<R> {
    this.#signal.throwIfAborted();
    this.#report.started(vertex, why);
    try {
      const context = { ...this.#report.context(vertex, this.#signal), withoutSlot };
      const result = await vertex.op.exec(inputs, context);
      this.#report.done(vertex);
      return result;
    } catch (error) {
      if (this.#signal.aborted) this.#report.cancelled(vertex);
      else this.#report.failed(vertex, error);
      // Before anything is released or awaited: a job slot that comes free must not start another vertex.
      this.#work.stop(error);
      throw error;
    }
  }

  #cached(vertex: Vertex<R>, result: R): Outcome<R> {
    this.#report.cached(vertex, this.#cache.origin?.(result));
    this.#answered.add(vertex.id);
    this.#cachedIds.add(vertex.id);
    return { early: result, settled: Promise.resolve(result) };
  }
}
