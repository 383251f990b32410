import { accessSync, constants, existsSync, readFileSync } from 'node:fs';

import { noCgroups } from './none.ts';
import type { CgroupManager } from './types.ts';
import { v1Cgroups } from './v1.ts';
import { ownLeaf, v2Cgroups } from './v2.ts';

/** What the machine mounts: the folder of each v1 controller, and that of v2. */
export interface CgroupMounts {
  readonly v1: Readonly<Record<string, string>>;
  readonly v2: string | undefined;
}

const v1Controllers: ReadonlySet<string> = new Set([
  ...['blkio', 'cpu', 'cpuacct', 'cpuset', 'devices', 'freezer'],
  ...['hugetlb', 'memory', 'net_cls', 'net_prio', 'pids', 'rdma'],
]);

/** proc(5), mountinfo: fields, a lone dash, then type, source and the file system's own options. */
export function parseCgroupMounts(mountinfo: string): CgroupMounts {
  const v1: Record<string, string> = {};
  let v2: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [mount = '', fs = ''] = line.split(' - ', 2);
    const point = unescapePath(mount.split(' ')[4] ?? '');
    const [kind, , options = ''] = fs.split(' ');
    if (kind === 'cgroup2') v2 ??= point;
    if (kind !== 'cgroup') continue;
    for (const word of options.split(',')) if (v1Controllers.has(word)) v1[word] ??= point;
  }
  return { v1, v2 };
}

/** Blanks and the like are octal escapes in mountinfo. */
function unescapePath(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/**
 * A controller is either in v1 or in v2. Hybrid machines have all that matters in v1, next to a v2 tree that only names
 * services, so any v1 controller makes it v1.
 */
export function cgroupManager(
  mode: 'auto' | 'none',
  { inUserNamespace = false }: { readonly inUserNamespace?: boolean } = {},
): CgroupManager {
  if (mode === 'none') return noCgroups('cgroups are turned off');
  const { v1, v2 } = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'latin1'));
  // v1 has no delegation; and device rules are needless there, since the kernel opens no device for a user namespace.
  if (inUserNamespace && Object.keys(v1).length > 0) return noCgroups('cgroups v1 need root on the host');
  const writable = Object.fromEntries(Object.entries(v1).filter(([, folder]) => isWritable(folder)));
  if (Object.keys(writable).length > 0) return v1Cgroups(writable);
  if (Object.keys(v1).length > 0) return noCgroups('the cgroups of this machine (v1) are not writable');
  if (v2 === undefined) return noCgroups('no cgroup file system is mounted');
  // The topmost first; a delegated user may write to its own only.
  const own = v2 + ownCgroup(readFileSync('/proc/self/cgroup', 'latin1'));
  const base = [v2, own].find(isWritable);
  if (base === undefined) return noCgroups('the cgroups of this machine (v2) are not writable');
  return v2Cgroups(base, { devices: !inUserNamespace, isOwn: base !== v2 });
}

/** The v2 line of /proc/self/cgroup, without the leaf that this program goes into; empty for the root. */
function ownCgroup(text: string): string {
  const line = /^0::(\/.*)$/m.exec(text)?.[1] ?? '/';
  const path = line.endsWith(`/${ownLeaf}`) ? line.slice(0, -ownLeaf.length - 1) : line;
  return path === '/' ? '' : path;
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return existsSync(folder);
  } catch {
    return false;
  }
}
