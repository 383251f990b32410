import type { Command } from 'commander';

import { parseLimits, parseShmSize, parseUlimits } from '../runtime/index.ts';
import type { RunLimits } from '../ops/index.ts';
import { collect } from './command.ts';

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
    .option('-m, --memory <size>', 'most memory, as 512m or 2g')
    .option(
      '--memory-swap <size>',
      'most memory and swap together; -1: unlimited (default: twice the memory)',
    )
    .option('--cpus <number>', 'time of how many processors, as 1.5')
    .option('--cpu-shares <number>', 'weight against other containers (default: 1024)')
    .option('--cpuset-cpus <list>', 'processors to run on, as 0-2,4')
    .option('--pids-limit <number>', 'most processes and threads; -1: unlimited')
    .option('--ulimit <name=soft[:hard]>', 'limit of each process, as nofile=1024:2048; repeatable', collect)
    .option('--shm-size <size>', 'size of /dev/shm (default: 64m)');
}

/** Throws USAGE for values that make no sense. */
export function limitsOf(flags: LimitFlags): RunLimits {
  return {
    resources: parseLimits(flags),
    rlimits: parseUlimits(flags.ulimit ?? []),
    shmSize: flags.shmSize === undefined ? undefined : parseShmSize(flags.shmSize),
  };
}
