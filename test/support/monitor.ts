import { readdirSync, readFileSync } from 'node:fs';

/** The process that runs the detached container of this id, other than the launcher and what is inside. */
export function monitorOf(id: string): number {
  const found = readdirSync('/proc').find((pid) => {
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      return commandLine.includes('monitor.cjs\0') && commandLine.includes(id);
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`no monitor of ${id}`);
  return Number(found);
}
