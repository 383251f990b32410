import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno, TsbuildError } from '../../core/index.ts';
import type { DeviceRule, ResourceConfig } from '../../oci/runtime-spec.ts';
import type { Usage } from '../types.ts';
import { deviceProgram } from './device-program.ts';
import {
  killCgroup,
  makeCgroup,
  readControl,
  readKeyed,
  readNumber,
  removeCgroup,
  tryWriteControl,
  unavailable,
  writeControl,
} from './files.ts';
import { v2Writes, type ControlWrite } from './limits.ts';
import { sweepCgroups } from './sweep.ts';
import type { Cgroup, CgroupManager } from './types.ts';

const parent = 'tsbuild';

/** What `usage` reads; counting it costs next to nothing where it is possible at all. */
const accounting = ['cpu', 'memory', 'pids'];

/** `base`: the topmost cgroup folder that may be written to. `devices`: whether BPF programs may be attached. */
export function v2Cgroups(base: string, { devices }: { readonly devices: boolean }): CgroupManager {
  let enabled: ReadonlySet<string> | undefined;
  return {
    version: 'v2',
    create(id, limits) {
      if (enabled === undefined) sweepCgroups(join(base, parent));
      enabled ??= enableControllers(base, accounting);
      const writes = v2Writes(limits);
      const missing = [...new Set(writes.map(({ controller }) => controller))].filter(
        (name) => !enabled?.has(name),
      );
      if (missing.length > 0) enabled = new Set([...enabled, ...enableControllers(base, missing)]);
      return createCgroup(join(base, parent, id), devices ? (limits.devices ?? []) : [], { writes, enabled });
    },
  };
}

/**
 * Hands controllers down to the containers' cgroups: each level names in cgroup.subtree_control what its children get.
 * A cgroup with processes in it may not do so, except the root of all; then limits are not to be had.
 */
function enableControllers(base: string, wanted: readonly string[]): ReadonlySet<string> {
  const above = join(base, parent);
  if (!existsSync(above)) mkdirSync(above);
  for (const level of [base, above]) {
    // One by one: a single one that is missing would make the kernel refuse all.
    for (const name of wanted) tryWriteControl(level, 'cgroup.subtree_control', `+${name}`);
  }
  return new Set(
    (readControl(above, 'cgroup.subtree_control') ?? '').split(' ').filter((name) => name !== ''),
  );
}

function createCgroup(
  path: string,
  rules: readonly DeviceRule[],
  { writes, enabled }: { readonly writes: readonly ControlWrite[]; readonly enabled: ReadonlySet<string> },
): Cgroup {
  const refused = writes.find(({ controller, optional }) => optional !== true && !enabled.has(controller));
  if (refused !== undefined) {
    throw new TsbuildError(
      'LIMIT_UNAVAILABLE',
      `the limit ${refused.what} cannot be applied: the ${refused.controller} controller is not available in ${path}`,
      {
        hint: 'run as root on the host, or in a cgroup delegated to you (systemd: Delegate=yes) without processes',
      },
    );
  }
  makeCgroup(path);
  try {
    const cgroup = new V2Cgroup(path, rules);
    cgroup.write(writes);
    return cgroup;
  } catch (error) {
    removeCgroup(path);
    throw error;
  }
}

class V2Cgroup implements Cgroup {
  readonly placement;
  readonly #path: string;

  constructor(path: string, rules: readonly DeviceRule[]) {
    this.#path = path;
    this.placement = {
      version: 'v2',
      folders: [{ controller: 'unified', path }],
      cleanup: [path],
      deviceProgram: rules.length === 0 ? undefined : deviceProgram(rules),
    } as const;
  }

  write(writes: readonly ControlWrite[]): void {
    for (const { files, value, what, optional = false } of writes) {
      const file = files[0] ?? '';
      try {
        writeControl(this.#path, file, value);
      } catch (error) {
        if (!(optional && isErrno(error, 'ENOENT'))) throw unavailable(what, error, file);
      }
    }
  }

  usage(): Usage {
    return {
      cpuMicros: readKeyed(this.#path, 'cpu.stat', 'usage_usec'),
      memoryPeak: readNumber(this.#path, 'memory.peak'),
      pidsPeak: readNumber(this.#path, 'pids.peak'),
      oomKills: readKeyed(this.#path, 'memory.events', 'oom_kill'),
    };
  }

  update(limits: ResourceConfig): void {
    this.write(v2Writes(limits));
  }

  kill(): void {
    killCgroup(this.#path);
  }

  freeze(frozen: boolean): void {
    writeControl(this.#path, 'cgroup.freeze', frozen ? '1' : '0');
  }

  remove(): void {
    try {
      removeCgroup(this.#path);
    } catch (error) {
      if (!isErrno(error, 'EBUSY')) throw error;
    }
  }
}
