import { readdirSync, statSync } from 'node:fs';
import { isErrno } from '../core/index.ts';

/** Numbers of the processes whose network cannot be told: this process may not look at them. */
export type Unreadable = ReadonlySet<string>;

/** The processes that are in the network namespace with that inode number, and those that may be. */
export function processesIn(inode: number): { readonly inside: number; readonly unreadable: Unreadable } {
  let inside = 0;
  const unreadable = new Set<string>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (statSync(`/proc/${name}/ns/net`).ino === inode) inside++;
    } catch (error) {
      if (isErrno(error, 'EACCES', 'EPERM')) unreadable.add(name);
      // A process that ends while it is looked at has no namespaces any more.
      else if (!isErrno(error, 'ENOENT', 'ESRCH')) throw error;
    }
  }
  return { inside, unreadable };
}
