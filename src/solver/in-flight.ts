import type { Digest } from '../core/index.ts';

/** Work side by side: the first failure cancels the rest, and is thrown only when nothing runs any more. */
export class InFlight {
  /** Aborted from outside, or by the first failure. */
  readonly signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #pending = new Set<Promise<unknown>>();

  constructor(signal: AbortSignal) {
    this.signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  /** The result of the task, once all that was tracked meanwhile has ended, too. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    try {
      const result = await this.track(task());
      await Promise.all(this.#pending);
      return result;
    } catch {
      while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
      // The first cause, not whichever of the cancelled was heard first.
      throw this.signal.reason;
    }
  }

  /** The first failure stops what runs beside it at once, not when somebody next looks at it. */
  track<T>(promise: Promise<T>): Promise<T> {
    this.#pending.add(promise);
    promise.then(
      () => this.#pending.delete(promise),
      (error: unknown) => {
        this.stop(error);
        this.#pending.delete(promise);
      },
    );
    return promise;
  }

  /** Without effect after the first. */
  stop(reason: unknown): void {
    this.#stop.abort(reason);
  }
}

/** Made at the first call for an id, and shared by all later ones. */
export function once<T>(memo: Map<Digest, Promise<T>>, id: Digest, make: () => Promise<T>): Promise<T> {
  const existing = memo.get(id);
  if (existing !== undefined) return existing;
  const made = make();
  memo.set(id, made);
  return made;
}
