import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Sends SIGINT to a command while it is at work, and gives its exit code and signal. One that was done before anybody
 * looked, on a machine that was busy with others, is started again.
 */
export async function interrupted(
  start: () => ChildProcess,
  isAtWork: () => boolean,
): Promise<readonly unknown[]> {
  for (;;) {
    const child = start();
    const state = { runs: true };
    const ended = once(child, 'exit').finally(() => (state.runs = false));
    while (state.runs && !isAtWork()) await sleep(2);
    child.kill('SIGINT');
    const end: readonly unknown[] = await ended;
    if (end[0] !== 0) return end;
  }
}
