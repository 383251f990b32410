import { readFileSync } from 'node:fs';

/** The ids of all mounts that this process could reach by a path. */
export function mountIds(): ReadonlySet<string> {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').trimEnd().split('\n');
  return new Set(lines.map((line) => line.slice(0, line.indexOf(' '))));
}

/** Of those descriptors, how many are in mounts that came into the table since; other programs' are none of them. */
export function newlyMounted(before: ReadonlySet<string>, ...fds: readonly number[]): number {
  const now = mountIds();
  return fds.map(mountIdOf).filter((id) => now.has(id) && !before.has(id)).length;
}

function mountIdOf(fd: number): string {
  const [, id] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
  if (id === undefined) throw new Error(`descriptor ${fd} has no mount`);
  return id;
}
