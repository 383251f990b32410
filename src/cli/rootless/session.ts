import { readFileSync } from 'node:fs';

import { TsbuildError } from '../../core/index.ts';
import { closeOnExec } from '../../sys/index.ts';

/**
 * What the process before the namespaces tells the one in them, and that its monitors: `uid:gid` of the user as the
 * machine numbers them, and the descriptor of the lock that makes it a holder of the namespaces.
 */
const sessionVariable = 'TSBUILD_ROOTLESS';
/** The launcher's: errno and call of what could not be done; native/launcher_namespace.h. */
const failureVariable = 'TSBUILD_NAMESPACE_ERROR';

export interface RootlessSession {
  /** The user's, outside. */
  readonly uid: number;
  readonly gid: number;
}

export function announceSession({ uid, gid }: RootlessSession, lock?: number): void {
  process.env[sessionVariable] = [uid, gid, ...(lock === undefined ? [] : [lock])].join(':');
}

/** Whether this process is an ordinary user's that has been put into namespaces. */
export function rootlessSession(): RootlessSession | undefined {
  const [, uid, gid] = /^(\d{1,10}):(\d{1,10})(?::\d+)?$/.exec(process.env[sessionVariable] ?? '') ?? [];
  if (uid === undefined || gid === undefined || process.geteuid?.() !== 0) return undefined;
  return { uid: Number(uid), gid: Number(gid) };
}

/** The restart has taken place, and did not get where it should. */
export function hasFailed(): boolean {
  return process.env[failureVariable] !== undefined;
}

/**
 * First of all in the restarted process. No child may keep the lock of a holder. Throws HOST_UNSUPPORTED for what the
 * launcher could not do.
 */
export function resumeSession(): void {
  const [, session, lock] = /^(\d+:\d+)(?::(\d+))?$/.exec(process.env[sessionVariable] ?? '') ?? [];
  if (lock !== undefined) {
    closeOnExec(Number(lock));
    process.env[sessionVariable] = session;
  }
  const failure = process.env[failureVariable];
  if (failure === undefined) return;
  // Not for the programs that are started from here.
  Reflect.deleteProperty(process.env, failureVariable);
  const [, errno = '', call = ''] = /^(\d+) (\w+)$/.exec(failure) ?? [];
  // Root had no need to: there is another way.
  if (session === undefined) return;
  throw namespaceError(Number(errno), call);
}

const [EPERM, ENOMEM, EACCES, EUSERS, ENOSPC] = [1, 12, 13, 87, 28];

/** user_namespaces(7), and what distributions add to it. */
function namespaceError(errno: number, call: string): TsbuildError {
  if (call === 'chdir') {
    return new TsbuildError(
      'HOST_UNSUPPORTED',
      'the working directory is not where this user’s containers run',
      {
        hint: 'it was mounted after the first of them started, or for this process alone: change to another folder',
      },
    );
  }
  const message = `a user namespace cannot be made here (${call}: error ${errno})`;
  return new TsbuildError('HOST_UNSUPPORTED', message, { hint: remedy(errno) });
}

function remedy(errno: number): string {
  if (readSetting('user/max_user_namespaces') === '0' || [ENOSPC, EUSERS, ENOMEM].includes(errno))
    return 'as root: sysctl -w user.max_user_namespaces=15000; else run tsbuild as root';
  if (readSetting('kernel/unprivileged_userns_clone') === '0')
    return 'as root: sysctl -w kernel.unprivileged_userns_clone=1; else run tsbuild as root';
  if (readSetting('kernel/apparmor_restrict_unprivileged_userns') === '1' && [EPERM, EACCES].includes(errno))
    return 'as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; else run tsbuild as root';
  return 'inside a container, start that with --security-opt seccomp=unconfined; else run tsbuild as root';
}

function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'latin1').trim();
  } catch {
    return undefined;
  }
}
