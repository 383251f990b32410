import type { Command } from 'commander';

import { nearestName, TsbuildError } from '../core/index.ts';
import { parseLimits, parseShmSize, parseUlimits, type LimitOptions } from '../runtime/index.ts';
import type { RunLimits } from '../ops/index.ts';
import { collect } from './command.ts';

/** The flags bear the names of the options, in commander's spelling. */
export interface LimitFlags extends LimitOptions {
  readonly ulimit?: readonly string[];
  readonly shmSize?: string;
  readonly cgroupParent?: string;
  /** Of `build` only. */
  readonly resource?: readonly string[];
}

/** The resource flags that `build` and `run` share, named as docker names them. */
export function addLimitOptions(command: Command): Command {
  return command
    .option('-m, --memory <size>', 'most memory, as 512m or 2g')
    .option(
      '--memory-swap <size>',
      'most memory and swap together; -1: unlimited (default: twice the memory)',
    )
    .option('--memory-reservation <size>', 'memory to be left with when the machine runs short')
    .option('--memory-swappiness <percent>', 'how readily to swap, 0 to 100 (cgroup v1)')
    .option('--oom-kill-disable', 'wait for memory instead of being killed (cgroup v1)')
    .option('--cpus <number>', 'time of how many processors, as 1.5')
    .option('--cpu-shares <number>', 'weight against other containers (default: 1024)')
    .option('--cpu-period <microseconds>', 'span in which --cpu-quota counts (default: 100000)')
    .option('--cpu-quota <microseconds>', 'processor time in each such span; -1: unlimited')
    .option('--cpuset-cpus <list>', 'processors to run on, as 0-2,4')
    .option('--cpuset-mems <list>', 'memory nodes to use, as 0-1')
    .option('--pids-limit <number>', 'most processes and threads; -1: unlimited')
    .option('--blkio-weight <number>', 'weight of disk accesses, 10 to 1000; 0: none')
    .option('--blkio-weight-device <disk:weight>', 'the same for one disk; repeatable', collect)
    .option('--device-read-bps <disk:rate>', 'bytes read a second, as /dev/sda:1mb; repeatable', collect)
    .option('--device-write-bps <disk:rate>', 'bytes written a second; repeatable', collect)
    .option('--device-read-iops <disk:rate>', 'reads a second, as /dev/sda:1000; repeatable', collect)
    .option('--device-write-iops <disk:rate>', 'writes a second; repeatable', collect)
    .option('--ulimit <name=soft[:hard]>', 'limit of each process, as nofile=1024:2048; repeatable', collect)
    .option('--shm-size <size>', 'size of /dev/shm (default: 64m)')
    .option('--cgroup-parent <path>', 'cgroup to make that of the container in, as /group');
}

/** buildx's way to say the same, beside the flags of `build`. */
export function addResourceOption(command: Command): Command {
  return command.option(
    '--resource <key=value>',
    'limit under the name of its flag, as memory=1g; repeatable',
    collect,
  );
}

/** Throws USAGE for values that make no sense. */
export function limitsOf(flags: LimitFlags): RunLimits {
  return {
    // A flag of its own is the more deliberate one.
    resources: parseLimits({ ...parseResources(flags.resource ?? []), ...flags }),
    rlimits: parseUlimits(flags.ulimit ?? []),
    shmSize: flags.shmSize === undefined ? undefined : parseShmSize(flags.shmSize),
    cgroupParent: flags.cgroupParent === undefined ? undefined : parseCgroupParent(flags.cgroupParent),
  };
}

/** The names that buildx knows. */
const resourceKeys: Readonly<Record<string, keyof LimitOptions>> = {
  memory: 'memory',
  'memory-swap': 'memorySwap',
  'cpu-shares': 'cpuShares',
  'cpu-period': 'cpuPeriod',
  'cpu-quota': 'cpuQuota',
  'cpuset-cpus': 'cpusetCpus',
  'cpuset-mems': 'cpusetMems',
};

function parseResources(values: readonly string[]): LimitOptions {
  return Object.fromEntries(
    values.map((text) => {
      const [, key = '', value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
      const name = Object.hasOwn(resourceKeys, key) ? resourceKeys[key] : undefined;
      if (name !== undefined) return [name, value];
      const names = Object.keys(resourceKeys);
      const near = nearestName(key, names);
      throw invalid(
        '--resource',
        text,
        near === undefined ? `a limit among ${names.join(', ')}` : `${near}=VALUE`,
      );
    }),
  );
}

/** Below the root of the cgroups, with or without the first slash, as docker has it. */
function parseCgroupParent(text: string): string {
  const path = `/${text.replace(/^\/|\/$/g, '')}`;
  const valid = /^(\/[A-Za-z0-9_.@-]{1,200}){1,15}$/.test(path) && !/\/\.{1,2}(\/|$)/.test(path);
  if (valid && !path.endsWith('.slice')) return path;
  throw invalid('--cgroup-parent', text, 'a path such as /group (slices of systemd are not supported)');
}

function invalid(flag: string, text: string, expected: string): TsbuildError {
  return new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(text)}`, {
    hint: `expected ${expected}`,
  });
}
