import { readdirSync } from 'node:fs';

import { addon } from './addon.ts';

/**
 * What this process was started with, its three streams apart, stays open in no program that it starts. Node sees to that
 * itself only up to the first gap in the numbers: of a shell's `9<file` and `200>lock` it keeps the second from nobody,
 * and whoever waited for such a lock would wait for a container to end.
 */
export function closeInheritedOnExec(): void {
  // One is the folder itself, and closed by now: EBADF.
  for (const name of readdirSync('/proc/self/fd')) if (Number(name) > 2) addon().closeOnExec(Number(name));
}
