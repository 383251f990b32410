import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

import {
  execProcess,
  type ContainerRecord,
  type Health,
  type HealthCheck,
  type Probe,
} from '../../ops/index.ts';
import { execInContainer, exitCodeOf, startTicksOf, type Container } from '../../runtime/index.ts';
import type { RunningLife } from './life.ts';

/** Of a probe's output, in bytes; and of probes. What docker keeps. */
const outputKept = 4096;
const probesKept = 5;

/** L-201: probes a container as long as it runs, and notes what it finds, until what is returned is disposed of. */
export function watchHealth(record: ContainerRecord, check: HealthCheck, life: RunningLife): AsyncDisposable {
  const stop = new AbortController();
  const watched = watch({ record, check, life, signal: stop.signal }).catch(() => undefined);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await watched;
    },
  };
}

interface Watch {
  readonly record: ContainerRecord;
  readonly check: HealthCheck;
  readonly life: RunningLife;
  readonly signal: AbortSignal;
}

async function watch({ record, check, life, signal }: Watch): Promise<void> {
  const began = performance.now();
  let health: Health = { status: 'starting', failingStreak: 0, log: [] };
  life.note({ health });
  const isEarly = (): boolean =>
    health.status === 'starting' && performance.now() - began < check.startPeriod;
  for (;;) {
    await sleep(isEarly() ? Math.min(check.startInterval, check.interval) : check.interval, undefined, {
      signal,
    });
    // A halted program could only fail.
    if (life.isPaused()) continue;
    const early = isEarly();
    const probe = await runProbe({ record, check, life, signal });
    signal.throwIfAborted();
    // What was cut short by a pause says nothing.
    if (life.isPaused()) continue;
    health = judged(health, probe, { early, retries: check.retries });
    life.note({ health });
  }
}

/** The state after one more probe. Failures of the start period are kept, but do not count. */
export function judged(
  before: Health,
  probe: Probe,
  { early, retries }: { readonly early: boolean; readonly retries: number },
): Health {
  const log = [...before.log, probe].slice(-probesKept);
  if (probe.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  if (early) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  return { status: failingStreak >= retries ? 'unhealthy' : before.status, failingStreak, log };
}

async function runProbe({ record, check, life, signal }: Watch): Promise<Probe> {
  const start = new Date().toISOString();
  const timeout = AbortSignal.timeout(check.timeout);
  let output = Buffer.alloc(0);
  let exitCode = -1;
  try {
    await using process = await startProbe({
      record,
      check,
      life,
      signal: AbortSignal.any([signal, timeout]),
    });
    const collect = (chunk: Buffer): void => {
      output = Buffer.concat([output, chunk]).subarray(0, outputKept);
    };
    const delivered = [process.stdout, process.stderr].map((stream) => deliver(stream, collect));
    const status = await process.wait();
    // The launcher has sent all of it, which does not mean that it was read.
    await Promise.all(delivered);
    if (!timeout.aborted) exitCode = exitCodeOf(status);
    else output = Buffer.from(`the check took longer than ${check.timeout} ms`);
  } catch (error) {
    output = Buffer.from(error instanceof Error ? error.message : String(error)).subarray(0, outputKept);
  }
  return { start, end: new Date().toISOString(), exitCode, output: output.toString() };
}

async function deliver(stream: Readable | undefined, receive: (chunk: Buffer) => void): Promise<void> {
  if (stream === undefined) return;
  stream.on('data', receive);
  await finished(stream, { writable: false }).catch(() => undefined);
}

async function startProbe({ record, check, life, signal }: Watch): Promise<Container> {
  const [kind, ...words] = check.test;
  const { pid } = life.container;
  return execInContainer({
    spec: record.spec,
    target: { pid, startTicks: startTicksOf(pid) },
    process: execProcess(record, {
      args: kind === 'CMD-SHELL' ? [...(check.shell ?? ['/bin/sh', '-c']), ...words] : words,
    }),
    stdio: 'inherit',
    stdin: 'none',
    streams: true,
    signal,
  });
}
