import type { Usage } from '../core/index.ts';

/** `2 processes were killed for lack of memory: the limit is 64 MiB (-m 64m)`; undefined when none was. */
export function killedForMemory(usage: Usage): string | undefined {
  const { oomKills = 0 } = usage;
  if (oomKills === 0) return undefined;
  const killed = oomKills === 1 ? 'a process was' : `${oomKills} processes were`;
  return `${killed} killed for lack of memory: ${memoryLimitText(usage)}`;
}

/** `the limit is 64 MiB (-m 64m)`: in the largest unit that needs no fraction. */
export function memoryLimitText({ memoryLimit }: Usage): string {
  if (memoryLimit === undefined) return 'the limit is that of a cgroup above its own';
  const units = [
    { name: 'bytes', flag: '' },
    { name: 'KiB', flag: 'k' },
    { name: 'MiB', flag: 'm' },
    { name: 'GiB', flag: 'g' },
  ];
  const power = units.findLastIndex((_, index) => memoryLimit % 1024 ** index === 0);
  const value = memoryLimit / 1024 ** power;
  return `the limit is ${value} ${units[power]?.name ?? ''} (-m ${value}${units[power]?.flag ?? ''})`;
}
