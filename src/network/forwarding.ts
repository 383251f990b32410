import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const setting = '/proc/sys/net/ipv4/ip_forward';

function mark(folder: string): string {
  return join(folder, 'forwarding-was-off');
}

function isOn(): boolean {
  return readFileSync(setting, 'latin1').trim() !== '0';
}

/** Lets the host pass packets between its links, remembering that it did not. Under the folder's lock. */
export function allowForwarding(folder: string): void {
  if (isOn()) return;
  // The mark first: a process killed between the two leaves a mark too many, which the sweep takes away.
  writeFileSync(mark(folder), '');
  writeFileSync(setting, '1');
}

/** Sets it back when it was us; by the last user, under the folder's lock. */
export function restoreForwarding(folder: string): void {
  if (!existsSync(mark(folder))) return;
  if (isOn()) writeFileSync(setting, '0');
  rmSync(mark(folder), { force: true });
}
