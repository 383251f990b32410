import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runOk } from '../test/support/run-command.ts';

/** A command to be timed. */
export interface Timed {
  readonly argv: readonly string[];
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Processes that work for the command and are not below it: a daemon's. */
  readonly helpers?: readonly number[] | undefined;
}

export interface Measurement {
  /** From start to exit, in milliseconds. */
  readonly wall: number;
  /** Of all its processes and helpers, user and system, in milliseconds. */
  readonly cpu: number;
  /** Most memory that one of its processes had, and the helpers beside it, in MB. */
  readonly rss: number;
}

/** A command that must succeed, from a disk with nothing left to write. */
export async function timed({ argv, env, helpers = [] }: Timed): Promise<Measurement> {
  await runOk(['sync']);
  const report = join(tmpdir(), `tsbuild-bench-${process.pid}`);
  for (const pid of helpers) forgetPeak(pid);
  const before = sumOf(helpers, cpuTime);
  const start = performance.now();
  await runOk(['time', '-f', '%U %S %M', '-o', report, ...argv], { env: { ...process.env, ...env } });
  const wall = performance.now() - start;
  const [user = NaN, system = NaN, peak = NaN] = readFileSync(report, 'latin1').split(' ').map(Number);
  rmSync(report);
  return {
    wall,
    cpu: (user + system) * 1000 + sumOf(helpers, cpuTime) - before,
    rss: (peak + sumOf(helpers, peakMemory)) / 1000,
  };
}

export function mean(all: readonly Measurement[]): Measurement {
  const of = (pick: (one: Measurement) => number): number =>
    all.reduce((sum, one) => sum + pick(one), 0) / all.length;
  return { wall: of(({ wall }) => wall), cpu: of(({ cpu }) => cpu), rss: of(({ rss }) => rss) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = NaN, high = NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

function sumOf(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((sum, pid) => sum + of(pid), 0);
}

/** proc(5): 5 resets what VmHWM counts. */
function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** In kB. */
function peakMemory(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

/** In milliseconds, children that it has waited for included; the kernel counts hundredths of a second. */
function cpuTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
}
