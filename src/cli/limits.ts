import type { Command } from 'commander';

import { parseLimits, parseShmSize, parseUlimits } from '../runtime/index.ts';
import type { RunLimits } from '../ops/index.ts';

interface LimitFlags {
  readonly memory?: string;
  readonly memorySwap?: string;
  readonly cpus?: string;
  readonly cpuShares?: string;
  readonly cpusetCpus?: string;
  readonly pidsLimit?: string;
  readonly ulimit?: readonly string[];
  readonly shmSize?: string;
}

/** The resource flags that `build` and `run` share, named as docker names them. */
export function addLimitOptions(command: Command): Command {
  return command
    .option('-m, --memory <bytes>', 'memory limit, as 512m or 2g')
    .option('--memory-swap <bytes>', 'memory and swap together; -1 is unlimited')
    .option('--cpus <number>', 'number of processors, as 1.5')
    .option('--cpu-shares <number>', 'relative weight, 1024 by default')
    .option('--cpuset-cpus <list>', 'processors to run on, as 0-2,4')
    .option('--pids-limit <number>', 'most processes and threads; -1 is unlimited')
    .option('--ulimit <name=soft[:hard]>', 'limit of each process, as nofile=1024:2048 (repeatable)', collect)
    .option('--shm-size <bytes>', 'size of /dev/shm, 64m by default');
}

/** Throws USAGE for values that make no sense. */
export function limitsOf(flags: LimitFlags): RunLimits {
  return {
    resources: parseLimits(flags),
    rlimits: parseUlimits(flags.ulimit ?? []),
    shmSize: flags.shmSize === undefined ? undefined : parseShmSize(flags.shmSize),
  };
}

/** For repeatable options. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
