import { addon } from './addon.ts';
import { checked, errno } from './errno.ts';

/** A descriptor of the process, close-on-exec, which no later process with the same pid can take over; undefined when it is gone. */
export function openPidfd(pid: number): number | undefined {
  const fd = addon().pidfdOpen(pid);
  return fd === -errno.ESRCH ? undefined : checked(fd, 'pidfd_open');
}

/** False when the process has ended. Signal 0 only asks. */
export function signalPidfd(pidfd: number, signal: number): boolean {
  const result = addon().pidfdSendSignal(pidfd, signal);
  if (result === -errno.ESRCH) return false;
  checked(result, 'pidfd_send_signal');
  return true;
}
