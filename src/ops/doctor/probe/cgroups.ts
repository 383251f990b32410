import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';

import { parseCgroupMounts } from '../../../runtime/index.ts';
import type { CgroupFacts } from '../types.ts';
import { textOf } from './attempt.ts';

export function cgroupFacts(): CgroupFacts {
  const { v1, v2 } = parseCgroupMounts(textOf('/proc/self/mountinfo') ?? '');
  const systemd = existsSync('/run/systemd/system');
  const folders = Object.entries(v1);
  if (folders.length > 0) {
    const usable = folders.filter(([, folder]) => isWritable(folder)).map(([name]) => name);
    const kind = v2 === undefined ? 'v1' : 'hybrid';
    const writable = usable.length > 0;
    return { kind, writable, controllers: (writable ? usable : Object.keys(v1)).sort(), systemd };
  }
  if (v2 === undefined) return { kind: 'none', writable: false, controllers: [], systemd };
  const path = /^0::(\/.*)$/m.exec(textOf('/proc/self/cgroup') ?? '')?.[1] ?? '/';
  // The topmost first, as the runtime takes them; a delegated user may write to his own only.
  const base = [v2, join(v2, path)].find(isWritable);
  const controllers = textOf(join(base ?? v2, 'cgroup.controllers')) ?? '';
  return {
    kind: 'v2',
    writable: base !== undefined,
    controllers: controllers.split(/\s+/).filter((name) => name !== ''),
    systemd,
  };
}

function isWritable(folder: string): boolean {
  try {
    // In v2 the right to move processes is what counts, and goes with it.
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
