import type { Usage } from '../../core/index.ts';
import { readControl, readKeyed, readNumber } from './files.ts';

/** The controllers that count what a container uses. */
export const v1Accounting: readonly string[] = ['cpuacct', 'memory', 'pids', 'blkio'];

/** Nanoseconds since the machine's start fit into a number for a hundred days of one processor. */
const nanosInMicro = 1000;

/** What the kernel shows as no limit: the largest number of pages, in bytes. */
const noMemoryLimit = 2 ** 62;

/** Reads the counters of cgroup v1. `folder`: of a controller, where the container has one. */
export function v1Usage(folder: (controller: string) => string | undefined): Usage {
  return {
    ...cpuUsage(folder('cpuacct'), folder('cpu')),
    ...memoryUsage(folder('memory')),
    ...ioUsage(folder('blkio')),
    ...pidsUsage(folder('pids')),
  };
}

function cpuUsage(cpuacct: string | undefined, cpu: string | undefined): Usage {
  const micros = (file: string): number | undefined => {
    const nanos = cpuacct === undefined ? undefined : readNumber(cpuacct, file);
    return nanos === undefined ? undefined : Math.round(nanos / nanosInMicro);
  };
  const throttledNanos = cpu === undefined ? undefined : readKeyed(cpu, 'cpu.stat', 'throttled_time');
  return {
    cpuMicros: micros('cpuacct.usage'),
    cpuUserMicros: micros('cpuacct.usage_user'),
    cpuSystemMicros: micros('cpuacct.usage_sys'),
    throttledPeriods: cpu === undefined ? undefined : readKeyed(cpu, 'cpu.stat', 'nr_throttled'),
    throttledMicros: throttledNanos === undefined ? undefined : Math.round(throttledNanos / nanosInMicro),
  };
}

function memoryUsage(folder: string | undefined): Usage {
  if (folder === undefined) return {};
  const limit = readNumber(folder, 'memory.limit_in_bytes');
  return {
    memoryCurrent: readNumber(folder, 'memory.usage_in_bytes'),
    memoryCache: readKeyed(folder, 'memory.stat', 'total_inactive_file'),
    memoryPeak: readNumber(folder, 'memory.max_usage_in_bytes'),
    memoryLimit: limit === undefined || limit >= noMemoryLimit ? undefined : limit,
    oomKills: readKeyed(folder, 'memory.oom_control', 'oom_kill'),
  };
}

/** Lines of `8:0 Read 4096`, and a total, which alone means that the kernel does not count here. */
function ioUsage(folder: string | undefined): Usage {
  if (folder === undefined) return {};
  const sums = (what: string): readonly [read: number | undefined, written: number | undefined] => {
    for (const file of [`blkio.throttle.${what}_recursive`, `blkio.bfq.${what}_recursive`]) {
      const lines = (readControl(folder, file) ?? '').split('\n').map((line) => line.split(' '));
      const devices = lines.filter(([device = '']) => device.includes(':'));
      const sum = (operation: string): number =>
        devices.reduce((total, [, name, value]) => total + (name === operation ? Number(value) : 0), 0);
      if (devices.length > 0) return [sum('Read'), sum('Write')];
    }
    return [undefined, undefined];
  };
  const [ioReadBytes, ioWriteBytes] = sums('io_service_bytes');
  const [ioReads, ioWrites] = sums('io_serviced');
  return { ioReadBytes, ioWriteBytes, ioReads, ioWrites };
}

function pidsUsage(folder: string | undefined): Usage {
  if (folder === undefined) return {};
  return {
    pidsCurrent: readNumber(folder, 'pids.current'),
    pidsPeak: readNumber(folder, 'pids.peak'),
    pidsLimit: readNumber(folder, 'pids.max'),
  };
}
