import { runOk } from '../test/support/run-command.ts';
import type { Timed } from './tools.ts';

/** Wall-clock milliseconds of a command that must succeed, from a disk with nothing left to write. */
export async function timed({ argv, env }: Timed): Promise<number> {
  await runOk(['sync']);
  const start = performance.now();
  await runOk(argv, { env: { ...process.env, ...env } });
  return performance.now() - start;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = NaN, high = NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}
