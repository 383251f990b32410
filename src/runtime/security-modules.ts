import { existsSync, readFileSync } from 'node:fs';

/** Of those that label programs, what this kernel has switched on. */
export type SecurityModule = 'apparmor' | 'selinux';

const probes: readonly (readonly [module: SecurityModule, isOn: () => boolean])[] = [
  ['apparmor', () => readFileSync('/sys/module/apparmor/parameters/enabled', 'latin1').startsWith('Y')],
  // As libselinux tells: mounted by whoever loads the policy.
  ['selinux', () => existsSync('/sys/fs/selinux/enforce')],
];

let known: readonly SecurityModule[] | undefined;

/** Neither is switched on or off while the machine runs. */
export function securityModules(): readonly SecurityModule[] {
  return (known ??= findModules());
}

function findModules(): readonly SecurityModule[] {
  return probes.flatMap(([module, isOn]) => {
    try {
      return isOn() ? [module] : [];
    } catch {
      return [];
    }
  });
}

/** Of every container whose user asks for no other, where an administrator has loaded a profile of this name. */
export const defaultProfile = 'tsbuild-default';

/** Names are listed with their mode behind: `docker-default (enforce)`. False where the list cannot be read. */
export function isProfileLoaded(name: string): boolean {
  try {
    const list = readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8');
    return list.split('\n').some((line) => line.replace(/ \([a-z]+\)$/, '') === name);
  } catch {
    return false;
  }
}
