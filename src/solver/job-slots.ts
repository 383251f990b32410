import { availableParallelism } from 'node:os';

import PQueue from 'p-queue';

import type { WithoutSlot } from './types.ts';

/** How many tasks work at once. One that waits for another does not work: else they could wait for each other for ever. */
export class JobSlots {
  readonly #queue: PQueue;

  constructor(jobs: number) {
    this.#queue = new PQueue({ concurrency: jobs });
  }

  async run<T>(task: (withoutSlot: WithoutSlot) => Promise<T>): Promise<T> {
    let release = await this.#take(0);
    try {
      return await task(async (wait) => {
        release();
        const result = await wait();
        // Before those that have not begun: it holds what others wait for.
        release = await this.#take(1);
        return result;
      });
    } finally {
      release();
    }
  }

  /** Resolves to what gives the slot back; idempotent. */
  #take(priority: number): Promise<() => void> {
    return new Promise((granted) => {
      void this.#queue.add(() => new Promise<void>((done) => granted(done)), { priority });
    });
  }
}

/** Steps wait for the network and the disk as often as they compute. */
export function defaultJobs(): number {
  return Math.max(4, 2 * availableParallelism());
}
