import { setImmediate as nextTurn } from 'node:timers/promises';

import { TsbuildError } from '../core/index.ts';

/** Longest that a synchronous walk keeps all else of the process waiting, in milliseconds. */
const longest = 15;

/**
 * Walks and packing use synchronous calls, several times faster than promises; between two of them they ask whether
 * it is time to let the event loop turn (progress, signals, other steps) and await it then. Throws INTERRUPTED when the
 * signal turns out to be aborted.
 */
export class Breath {
  readonly signal: AbortSignal | undefined;
  #last = performance.now();
  #asked = 0;

  constructor(signal?: AbortSignal) {
    this.signal = signal;
  }

  /** Undefined while there is time. */
  due(): Promise<void> | undefined {
    if (this.signal?.aborted === true) return this.#turn();
    if ((++this.#asked & 15) !== 0 || performance.now() - this.#last < longest) return undefined;
    return this.#turn();
  }

  async #turn(): Promise<void> {
    await nextTurn();
    this.#last = performance.now();
    if (this.signal?.aborted !== true) return;
    throw new TsbuildError('INTERRUPTED', 'interrupted', { cause: this.signal.reason });
  }
}
