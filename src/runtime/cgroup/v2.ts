import { existsSync, mkdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno, TsbuildError, type Usage } from '../../core/index.ts';
import type { DeviceRule, ResourceConfig } from '../../oci/runtime-spec.ts';
import { applyWrites } from './apply.ts';
import { deviceProgram } from './device-program.ts';
import { killCgroup, makeCgroup, readControl, removeCgroup, tryWriteControl, writeControl } from './files.ts';
import { v2Writes } from './limits-v2.ts';
import { cgroupFolders, defaultParent, parentFolder } from './place.ts';
import { discardCgroup, discardCgroupsIn, sweepCgroups } from './sweep.ts';
import type { Cgroup, CgroupManager } from './types.ts';
import { v2Accounting, v2Usage } from './usage-v2.ts';
import type { ControlWrite } from './writes.ts';

/** Where this process goes in a cgroup of its own that is to hand controllers down. */
export const ownLeaf = 'tsbuild-own';

export interface V2Options {
  /** Whether BPF programs may be attached. */
  readonly devices: boolean;
  /** The base is the cgroup that this process was started in, delegated to its user. */
  readonly isOwn?: boolean | undefined;
}

/** `base`: the topmost cgroup folder that may be written to. */
export function v2Cgroups(base: string, { devices, isOwn = false }: V2Options): CgroupManager {
  /** By the folder that containers are made in: the controllers that it hands down. */
  const handedDown = new Map<string, ReadonlySet<string>>();
  let swept = false;
  return {
    version: 'v2',
    create(name, limits) {
      if (!swept) sweepCgroups(join(base, defaultParent));
      if (!swept && isOwn) leaveOwnCgroup(base);
      swept = true;
      const { above, own } = cgroupFolders(base, name);
      const writes = v2Writes(limits);
      const parent = above.at(-1) ?? base;
      let enabled = handedDown.get(parent) ?? enableControllers([base, ...above], v2Accounting);
      const more = [...new Set(writes.map(({ controller }) => controller))].filter(
        (controller) => !enabled.has(controller),
      );
      if (more.length > 0) enabled = new Set([...enabled, ...enableControllers([base, ...above], more)]);
      handedDown.set(parent, enabled);
      return createCgroup(own, devices ? (limits.devices ?? []) : [], { writes, enabled });
    },
    discard(name) {
      discardCgroup(cgroupFolders(base, name).own);
    },
    discardBelow(parent, isLeft) {
      discardCgroupsIn(parentFolder(base, parent), isLeft);
    },
    usage(name) {
      const { own } = cgroupFolders(base, name);
      return existsSync(own) ? v2Usage(own) : undefined;
    },
  };
}

/**
 * This process goes, and with it those of this program that are in the same user namespace: the command that waits for its
 * monitor. With others in it, a terminal's programs say, the cgroup hands nothing down, and limits are not to be had.
 */
function leaveOwnCgroup(base: string): void {
  const pids = (readControl(base, 'cgroup.procs') ?? '').split('\n').filter(isOurs);
  if (pids.length === 0) return;
  const leaf = join(base, ownLeaf);
  mkdirSync(leaf, { recursive: true });
  for (const pid of pids) tryWriteControl(leaf, 'cgroup.procs', pid);
}

function isOurs(pid: string): boolean {
  try {
    return ['exe', 'ns/user'].every(
      (link) => readlinkSync(`/proc/${pid}/${link}`) === readlinkSync(`/proc/self/${link}`),
    );
  } catch {
    return false;
  }
}

/**
 * Hands controllers down to the containers' cgroups: each level names in cgroup.subtree_control what its children get.
 * A cgroup with processes in it may not do so, except the root of all; then limits are not to be had.
 */
function enableControllers(levels: readonly string[], wanted: readonly string[]): ReadonlySet<string> {
  const parent = levels.at(-1) ?? '';
  mkdirSync(parent, { recursive: true });
  for (const level of levels) {
    // One by one: a single one that is missing would make the kernel refuse all.
    for (const name of wanted) tryWriteControl(level, 'cgroup.subtree_control', `+${name}`);
  }
  const enabled = (readControl(parent, 'cgroup.subtree_control') ?? '').split(' ');
  // The files of the cgroup itself belong to no controller and are always there.
  return new Set(['cgroup', ...enabled.filter((name) => name !== '')]);
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
        hint: 'start it in a cgroup of its own: systemd-run --user --scope -p Delegate=yes tsbuild …; or run as root on the host',
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
    applyWrites(writes, () => this.#path);
  }

  usage(): Usage {
    return v2Usage(this.#path);
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
