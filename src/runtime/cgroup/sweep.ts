import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { removeCgroup } from './files.ts';

/** Between making a container's folder and entering it lie milliseconds; on a stopped machine rather more. */
const abandonedAfterMs = 3_600_000;

/**
 * Removes the empty folders below `parent` that nobody has entered for an hour, of whatever builder. One that is killed
 * after making a folder and before its launcher knows of it leaves one; what has processes in it the kernel keeps.
 */
export function sweepCgroups(parent: string): void {
  for (const name of quietly(() => readdirSync(parent, { withFileTypes: true })) ?? []) {
    if (!name.isDirectory()) continue;
    const path = join(parent, name.name);
    const made = quietly(() => statSync(path).mtimeMs) ?? Infinity;
    if (Date.now() - made > abandonedAfterMs) quietly(() => removeCgroup(path));
  }
}

/** Of one container, which has ended: at once. The kernel keeps what has processes in it. */
export function discardCgroup(path: string): void {
  quietly(() => removeCgroup(path));
}

/** Of containers whose builder is known to be dead: at once. */
export function discardCgroupsIn(parent: string, isLeft: (id: string) => boolean): void {
  for (const name of quietly(() => readdirSync(parent)) ?? [])
    if (isLeft(name)) discardCgroup(join(parent, name));
}

/** Others sweep here too, and start containers. */
function quietly<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
