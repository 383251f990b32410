import type { Usage } from '../../core/index.ts';
import { readControl, readKeyed, readNumber } from './files.ts';

/** The controllers that count what a container uses. */
export const v2Accounting: readonly string[] = ['cpu', 'memory', 'io', 'pids'];

/** Reads the counters of cgroup v2. */
export function v2Usage(folder: string): Usage {
  const cpu = (key: string): number | undefined => readKeyed(folder, 'cpu.stat', key);
  const io = ioCounters(readControl(folder, 'io.stat'));
  return {
    cpuMicros: cpu('usage_usec'),
    cpuUserMicros: cpu('user_usec'),
    cpuSystemMicros: cpu('system_usec'),
    throttledPeriods: cpu('nr_throttled'),
    throttledMicros: cpu('throttled_usec'),
    cpuStallMicros: stallOf(readControl(folder, 'cpu.pressure')),
    memoryStallMicros: stallOf(readControl(folder, 'memory.pressure')),
    ioStallMicros: stallOf(readControl(folder, 'io.pressure')),
    memoryCurrent: readNumber(folder, 'memory.current'),
    memoryCache: readKeyed(folder, 'memory.stat', 'inactive_file'),
    memoryPeak: readNumber(folder, 'memory.peak'),
    memoryLimit: readNumber(folder, 'memory.max'),
    oomKills: readKeyed(folder, 'memory.events', 'oom_kill'),
    ioReadBytes: io?.('rbytes'),
    ioWriteBytes: io?.('wbytes'),
    ioReads: io?.('rios'),
    ioWrites: io?.('wios'),
    pidsCurrent: readNumber(folder, 'pids.current'),
    pidsPeak: readNumber(folder, 'pids.peak'),
    pidsLimit: readNumber(folder, 'pids.max'),
  };
}

/** Lines of `8:0 rbytes=4096 wbytes=0 rios=1 …`, none before the first access: the sum over the devices. */
function ioCounters(text: string | undefined): ((key: string) => number) | undefined {
  if (text === undefined) return undefined;
  const fields = text.split(/\s+/).map((word) => word.split('='));
  return (key) => fields.reduce((total, [name, value]) => total + (name === key ? Number(value) : 0), 0);
}

/** Lines of `some avg10=0.00 … total=1234`; no kernel without PSI, or with psi=0, has them. */
function stallOf(text: string | undefined): number | undefined {
  const total = /^some .*total=(\d+)$/m.exec(text ?? '')?.[1];
  return total === undefined ? undefined : Number(total);
}
