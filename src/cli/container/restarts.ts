import type { RestartPolicy } from '../../ops/index.ts';

/** Milliseconds before the first new start; it doubles with each. */
const shortestPause = 100;
const longestPause = 60_000;

/** Who ran for so long had a good start: its next pause is the shortest again. */
const goodRun = 10_000;

/** How often a container has been started again, and when it will be next. */
export class Restarts {
  readonly #policy: RestartPolicy;
  #count = 0;
  #failures = 0;
  #pause = shortestPause;

  constructor(policy: RestartPolicy | undefined) {
    this.#policy = policy ?? { name: 'no' };
  }

  get count(): number {
    return this.#count;
  }

  /** Milliseconds to wait before it is started again; undefined when it is not. `ran`: milliseconds. */
  next(exitCode: number, ran: number): number | undefined {
    if (ran >= goodRun) {
      this.#failures = 0;
      this.#pause = shortestPause;
    }
    this.#failures++;
    if (!this.#wants(exitCode)) return undefined;
    const pause = this.#pause;
    this.#pause = Math.min(pause * 2, longestPause);
    this.#count++;
    return pause;
  }

  #wants(exitCode: number): boolean {
    switch (this.#policy.name) {
      case 'no':
        return false;
      case 'always':
      case 'unless-stopped':
        return true;
      case 'on-failure':
        return exitCode !== 0 && this.#failures <= (this.#policy.retries ?? Infinity);
    }
  }
}
