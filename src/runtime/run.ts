import type { Readable } from 'node:stream';

import { removeCreatedPoints } from './created-points.ts';
import type { ContainerSpec, CreatedPoint, ExitStatus, Runtime, Usage } from './types.ts';

export interface RunOptions {
  /** Kills the container; the result is then the kill. */
  readonly signal?: AbortSignal | undefined;
  readonly onStdout?: ((chunk: Buffer) => void) | undefined;
  readonly onStderr?: ((chunk: Buffer) => void) | undefined;
  /** Told of hooks that failed when nothing depends on them any more. */
  readonly warn?: ((message: string) => void) | undefined;
  /** Given, it gets the end of the launcher and of the cgroups, which is then not waited for: no program is left in them. */
  readonly aside?: ((gone: Promise<void>) => void) | undefined;
}

export interface RunResult {
  readonly status: ExitStatus;
  readonly usage: Usage;
  readonly created: readonly CreatedPoint[];
  readonly warnings: readonly string[];
}

/** Runs a container to its end, with all its output delivered; nothing of it is left afterwards. */
export async function runContainer(
  runtime: Runtime,
  spec: ContainerSpec,
  options: RunOptions = {},
): Promise<RunResult> {
  await using held = new AsyncDisposableStack();
  const container = held.use(
    await runtime.create(spec, { signal: options.signal, start: true, warn: options.warn }),
  );
  const output = [deliver(container.stdout, options.onStdout), deliver(container.stderr, options.onStderr)];
  const status = await container.wait();
  await Promise.all(output);
  removeCreatedPoints(spec.rootfs, container.created);
  const usage = await container.usage();
  options.aside?.(held.move().disposeAsync());
  return { status, usage, created: container.created, warnings: container.warnings };
}

async function deliver(
  stream: Readable | undefined,
  receive: ((chunk: Buffer) => void) | undefined,
): Promise<void> {
  if (stream === undefined || stream.closed) return;
  const closed = Promise.withResolvers<undefined>();
  stream.once('close', () => closed.resolve(undefined));
  // A stream that breaks has nothing more to deliver; the exit status tells how the program ended.
  stream.on('error', () => undefined);
  if (receive === undefined) stream.resume();
  else stream.on('data', receive);
  await closed.promise;
}

/** what a shell would see, 128 and the signal's number for a killed program. */
export function exitCodeOf(status: ExitStatus): number {
  return status.kind === 'exited' ? status.code : 128 + status.signal;
}
