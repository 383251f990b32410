import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { inUserNamespace } from '../sys/index.ts';
import { parseCgroupMounts } from './cgroup/detect.ts';
import { joinFiles } from './cgroup/place.ts';

/** The files by which a process joins the cgroups that another one is in and this one is not; cgroups(7). */
export function cgroupFilesOf(pid: number): readonly string[] {
  const mounts = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'latin1'));
  const own = new Set(cgroupLines('self'));
  const files = cgroupLines(pid)
    .filter((line) => !own.has(line))
    .flatMap((line) => {
      const [, controllers = '', path = ''] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
      const mount = controllers === '' ? mounts.v2 : controllers.split(',').map((name) => mounts.v1[name])[0];
      // `/..`: outside of what this machine shows of its cgroups.
      if (mount === undefined || path === '' || path.startsWith('/..')) return [];
      const version = controllers === '' ? 'v2' : 'v1';
      return joinFiles({ version, folders: [{ controller: controllers, path: join(mount, path) }] });
    });
  return [...new Set(files)].filter((file) => existsSync(file));
}

/**
 * Whether this process may move one to the cgroup of this `cgroup.procs`. v2 asks for the right to write to that of the
 * cgroup above both, too, which an ordinary user lacks when each of his commands has a delegated cgroup of its own.
 */
export function mayJoin(file: string): boolean {
  const own = v2FolderOf(process.pid);
  if (own === undefined || !inUserNamespace()) return true;
  const [from, to] = [own.split('/'), dirname(file).split('/')];
  const fork = from.findIndex((name, index) => name !== to[index]);
  const above = fork === -1 ? own : from.slice(0, fork).join('/');
  try {
    accessSync(join(above, 'cgroup.procs'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The v2 cgroup that a process is in, as a folder of this machine; undefined when it is gone, or not to be seen. */
export function v2FolderOf(pid: number): string | undefined {
  const { v2 } = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'latin1'));
  try {
    const path = /^0::(\/.*)$/m.exec(cgroupLines(pid).join('\n'))?.[1];
    return v2 === undefined || path === undefined || path.startsWith('/..') ? undefined : join(v2, path);
  } catch {
    return undefined;
  }
}

function cgroupLines(pid: number | 'self'): readonly string[] {
  return readFileSync(`/proc/${pid}/cgroup`, 'latin1').trimEnd().split('\n');
}
