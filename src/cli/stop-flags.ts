import type { Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import type { StopOptions } from './container/end.ts';

/** How `stop` and `restart` end a container. */
export interface StopFlags {
  readonly time?: string;
  readonly signal?: string;
}

export function addStopOptions(command: Command): Command {
  return command
    .argument('<container...>', 'names or ids')
    .option('-t, --time <seconds>', 'how long to wait before it is killed (default: its own, or 10)')
    .option('-s, --signal <signal>', 'instead of its own stop signal');
}

/** Throws USAGE. */
export async function stopOptions({ time, signal }: StopFlags): Promise<StopOptions> {
  if (time !== undefined && !/^\d{1,6}$/.test(time)) {
    throw new TsbuildError('USAGE', `--time: invalid value ${JSON.stringify(time)}`, {
      hint: 'expected a whole number of seconds',
    });
  }
  const { signalNumber } = await import('../ops/index.ts');
  return {
    ...(time !== undefined && { seconds: Number(time) }),
    ...(signal !== undefined && { signal: signalNumber(signal) }),
  };
}
