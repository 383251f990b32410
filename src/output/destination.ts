import { TsbuildError } from '../core/index.ts';
import { writeOutputFile } from '../sys/index.ts';
import type { Destination } from './types.ts';
import type { OutputWork } from './work.ts';

type Sink = (chunk: Uint8Array) => Promise<void>;

/** Hands a file that appears when it is whole, or standard output, to the writer. Throws INTERRUPTED between two chunks. */
export async function writeTo(
  dest: Destination,
  { stdout, signal }: Pick<OutputWork, 'stdout' | 'signal'>,
  write: (sink: Sink) => Promise<void>,
): Promise<void> {
  const interruptible = (sink: Sink): Sink => {
    return (chunk) => {
      if (!signal.aborted) return sink(chunk);
      throw new TsbuildError('INTERRUPTED', 'interrupted', { cause: signal.reason });
    };
  };
  if (dest.kind === 'stdout') return write(interruptible(stdout));
  return writeOutputFile(dest.path, (sink) => write(interruptible(sink)));
}

/** For people; undefined for standard output. */
export function placeOf(dest: Destination): string | undefined {
  return dest.kind === 'file' ? dest.path : undefined;
}
