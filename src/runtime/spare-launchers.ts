import { startLauncher, type Launcher } from '../sys/index.ts';

/**
 * One launcher more than there are containers while more of them are expected: to start a process takes this one, with
 * all its memory, milliseconds, which pass while the container before runs. It knows nothing before its request comes.
 */
export class SpareLaunchers implements Disposable {
  #expected = 0;
  #spare: Launcher | undefined;
  #closed = false;

  /** A container with output as `pipe` is about to come. Must not fail: the container would say what is wrong. */
  expect(): void {
    this.#expected += 1;
    this.#refill();
  }

  /** The one for a container with output as `pipe`. */
  take(): Launcher {
    const spare = this.#spare;
    this.#spare = undefined;
    this.#expected = Math.max(0, this.#expected - 1);
    if (this.#expected > 0) setImmediate(() => this.#refill());
    // One that was killed has closed its end.
    if (spare?.control.writable !== true) return startLauncher({ output: 'pipe' });
    return spare;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    // It ends with its control socket.
    this.#spare?.control.destroy();
    this.#spare = undefined;
  }

  #refill(): void {
    if (this.#closed || this.#expected === 0 || this.#spare !== undefined) return;
    try {
      this.#spare = startLauncher({ output: 'pipe' });
    } catch {
      // The next container starts its own, and is told.
    }
  }
}
