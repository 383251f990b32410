import { setImmediate as nextTurn } from 'node:timers/promises';

/** Longest that a synchronous walk keeps all else of the process waiting, in milliseconds. */
const longest = 15;

/**
 * Walks and packing use synchronous calls, several times faster than promises; between two of them they ask whether
 * it is time to let the event loop turn (progress, signals, other steps) and await it then.
 */
export class Breath {
  #last = performance.now();
  #asked = 0;

  /** Undefined while there is time. */
  due(): Promise<void> | undefined {
    if ((++this.#asked & 15) !== 0 || performance.now() - this.#last < longest) return undefined;
    return this.#turn();
  }

  async #turn(): Promise<void> {
    await nextTurn();
    this.#last = performance.now();
  }
}
