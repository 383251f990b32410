import { Session } from 'node:inspector/promises';
import { setFlagsFromString } from 'node:v8';

// Optimised code does not count. The flags are of this process alone: a test file has its own.
for (const flag of ['--no-opt', '--no-maglev']) setFlagsFromString(flag);

/**
 * How much work an action is, as the number of times that V8 entered a function or a block of the sources whose path
 * contains `part`. Unlike time it is the same on a busy machine; what built-in functions do is not counted.
 */
export async function workOf(part: string, action: () => void): Promise<number> {
  using session = new CountingSession();
  await session.start();
  action();
  return await session.take(part);
}

class CountingSession {
  readonly #session = new Session();

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    // The first answer also has what was counted before, as far as anything was.
    await this.#session.post('Profiler.takePreciseCoverage');
  }

  async take(part: string): Promise<number> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    const scripts = result.filter(({ url }) => url.includes(part));
    const ranges = scripts.flatMap(({ functions }) => functions.flatMap((each) => each.ranges));
    return ranges.reduce((sum, { count }) => sum + count, 0);
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }
}
