import { closeSync, openSync, readFileSync } from 'node:fs';

import { fromText } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked } from './errno.ts';
import { nativePath } from './paths.ts';

let answer: boolean | undefined;

/** Whether this process is in a user namespace other than the machine's first, which maps every id onto itself. */
export function inUserNamespace(): boolean {
  answer ??= !/^\s*0\s+0\s+4294967295\s*$/.test(ownIdMap('uid'));
  return answer;
}

/** Whether this process has CAP_SYS_ADMIN where it is. */
export function mayMount(): boolean {
  const set = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return ((BigInt(`0x${set}`) >> 21n) & 1n) === 1n;
}

/** The text of /proc/self/uid_map or gid_map: lines of `inside outside length`, as user_namespaces(7) has them. */
export function ownIdMap(kind: 'uid' | 'gid'): string {
  return readFileSync(`/proc/self/${kind}_map`, 'latin1');
}

/** Where this process finds itself after `enterNewNamespaces`; each map as the text of /proc/PID/uid_map. */
export interface WantedMaps {
  /**
   * The absolute paths of newuidmap(1) and newgidmap(1), or `selfMapper`, with the maps they are to make; undefined: only
   * the own ones.
   */
  readonly mapped:
    | { readonly uidMapper: string; readonly uids: string; readonly gidMapper: string; readonly gids: string }
    | undefined;
  /** Of one id each, for when the mappers fail: every process may make such for itself. */
  readonly own: { readonly uids: string; readonly gids: string };
}

/** In the place of a mapper: the caller, being root where it is, may map any id by itself. */
export const selfMapper = '=';

/**
 * This process goes through the launcher into a new user and mount namespace, and starts again there with the same command
 * line: process id, terminal and descriptors 0 to 2 stay. Never returns; what fails inside is in the environment variable
 * `TSBUILD_NAMESPACE_ERROR` of the restarted program, as errno and call.
 */
export function enterNewNamespaces({ mapped, own }: WantedMaps): never {
  const { uidMapper = '', uids = '', gidMapper = '', gids = '' } = mapped ?? {};
  restartThrough(['new', uidMapper, uids, gidMapper, gids, own.uids, own.gids]);
}

/** As `enterNewNamespaces`, into the namespaces of these descriptors. */
export function joinNamespaces({ user, mount }: { readonly user: number; readonly mount: number }): never {
  keepOpen(user);
  keepOpen(mount);
  restartThrough(['join', `/proc/self/fd/${user}`, `/proc/self/fd/${mount}`, process.cwd()]);
}

/** The descriptor stays open in what this process becomes. */
export function keepOpen(fd: number): void {
  checked(addon().keepOpen(fd), 'fcntl');
}

/** Undoes `keepOpen`. */
export function closeOnExec(fd: number): void {
  checked(addon().closeOnExec(fd), 'fcntl');
}

function restartThrough(words: readonly string[]): never {
  const launcher = nativePath('launcher');
  // Taken from the kernel: process.argv lacks Node's own flags, and bytes that are no text are lost in it.
  const commandLine = readFileSync('/proc/self/cmdline', 'latin1');
  // Node marks its own as not to be inherited.
  for (const fd of [0, 1, 2]) keepOpen(fd);
  const before = [launcher, 'namespace', ...words, process.execPath].map((word) => `${fromText(word)}\0`);
  checked(addon().execve(fromText(launcher), before.join('') + commandLine), 'execve', fromText(launcher));
  throw new Error('execve returned');
}

/** Descriptors of the user and the mount namespace of a process. Throws ENOENT when it is gone, EACCES for another's. */
export function openNamespaces(pid: number): { readonly user: number; readonly mount: number } {
  const user = openSync(`/proc/${pid}/ns/user`, 'r');
  try {
    return { user, mount: openSync(`/proc/${pid}/ns/mnt`, 'r') };
  } catch (error) {
    closeSync(user);
    throw error;
  }
}
