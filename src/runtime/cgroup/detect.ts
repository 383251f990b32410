import { noCgroups } from './none.ts';
import type { CgroupManager } from './types.ts';

export function cgroupManager(_mode: 'auto' | 'none'): CgroupManager {
  return noCgroups('cgroups are turned off');
}
