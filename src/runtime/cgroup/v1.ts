import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno, TsbuildError, type Usage } from '../../core/index.ts';
import type { ResourceConfig } from '../../oci/runtime-spec.ts';
import { applyWrites } from './apply.ts';
import { fullRules, v1DeviceLine, type FullRule } from './device-rules.ts';
import {
  killCgroup,
  makeCgroup,
  readControl,
  removeCgroup,
  tryWriteControl,
  writeControl,
  writeLimits,
} from './files.ts';
import { v1Writes } from './limits-v1.ts';
import { cgroupFolders, defaultParent, parentFolder } from './place.ts';
import { discardCgroup, discardCgroupsIn, sweepCgroups } from './sweep.ts';
import type { Cgroup, CgroupManager, CgroupName } from './types.ts';
import { v1Accounting, v1Usage } from './usage-v1.ts';
import type { ControlWrite } from './writes.ts';

type Mounts = Readonly<Record<string, string>>;

/** `mounts`: the folder of each writable controller. */
export function v1Cgroups(mounts: Mounts): CgroupManager {
  let swept = false;
  return {
    version: 'v1',
    create(name, limits) {
      if (!swept) for (const mount of Object.values(mounts)) sweepCgroups(join(mount, defaultParent));
      swept = true;
      return createCgroup(mounts, name, limits);
    },
    discard(name) {
      for (const mount of new Set(Object.values(mounts))) discardCgroup(cgroupFolders(mount, name).own);
    },
    discardBelow(parent, isLeft) {
      for (const mount of new Set(Object.values(mounts)))
        discardCgroupsIn(parentFolder(mount, parent), isLeft);
    },
    usage(name) {
      const folder = (controller: string): string | undefined => {
        const mount = mounts[controller];
        const path = mount === undefined ? undefined : cgroupFolders(mount, name).own;
        return path !== undefined && existsSync(path) ? path : undefined;
      };
      return v1Accounting.some((controller) => folder(controller) !== undefined)
        ? v1Usage(folder)
        : undefined;
    },
  };
}

/** Joining a hierarchy costs some 100 microseconds: only those that hold or count something are joined. */
function createCgroup(mounts: Mounts, name: CgroupName, limits: ResourceConfig): Cgroup {
  const writes = v1Writes(limits);
  const rules = fullRules(limits.devices ?? []);
  const folders: { controller: string; path: string }[] = [];
  const made = new Set<string>();
  try {
    for (const controller of wantedControllers(mounts, writes, { devices: rules.length > 0 })) {
      const mount = mounts[controller];
      if (mount === undefined) throw missing(controller, writes);
      const path = cgroupFolders(mount, name).own;
      folders.push({ controller, path });
      // Joint controllers (cpu,cpuacct) have one folder.
      if (!made.has(path)) makeInHierarchy(mount, name, controller);
      else if (controller === 'cpuset') inheritCpusets(mount, name);
      made.add(path);
    }
    const freezer = mounts['freezer'];
    const cgroup = new V1Cgroup(
      folders,
      freezer === undefined ? undefined : cgroupFolders(freezer, name).own,
    );
    cgroup.write(writes);
    const devices = cgroup.folder('devices');
    if (devices !== undefined) writeDeviceRules(devices, rules);
    return cgroup;
  } catch (error) {
    for (const { path } of folders) removeCgroup(path);
    throw error;
  }
}

/** In their order, each against those before it. */
function writeDeviceRules(folder: string, rules: readonly FullRule[]): void {
  for (let at = 0, end = 0; at < rules.length; at = end) {
    const allow = rules[at]?.allow === true;
    while (rules[end]?.allow === allow) end++;
    const lines = rules.slice(at, end).map(v1DeviceLine);
    writeLimits(folder, allow ? 'devices.allow' : 'devices.deny', 'on devices', lines);
  }
}

function wantedControllers(
  mounts: Mounts,
  writes: readonly ControlWrite[],
  { devices }: { readonly devices: boolean },
): Set<string> {
  return new Set([
    ...(devices ? ['devices'] : []),
    ...writes.map((entry) => entry.controller),
    ...v1Accounting.filter((controller) => mounts[controller] !== undefined),
  ]);
}

function missing(controller: string, writes: readonly ControlWrite[]): TsbuildError {
  const what = writes.find((entry) => entry.controller === controller)?.what ?? 'on devices';
  return new TsbuildError(
    'LIMIT_UNAVAILABLE',
    `the limit ${what} cannot be applied: this machine has no writable ${controller} cgroups`,
    {
      hint: `mount them: mount -t cgroup -o ${controller} cgroup /sys/fs/cgroup/${controller}, where the kernel has them (/proc/cgroups)`,
    },
  );
}

function makeInHierarchy(mount: string, name: CgroupName, controller: string): void {
  const { above, own } = cgroupFolders(mount, name);
  try {
    makeCgroup(own);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    mkdirSync(above.at(-1) ?? mount, { recursive: true });
    makeCgroup(own);
  }
  if (controller === 'cpuset') inheritCpusets(mount, name);
}

function inheritCpusets(mount: string, name: CgroupName): void {
  const { above, own } = cgroupFolders(mount, name);
  let from = mount;
  for (const to of [...above, own]) {
    inheritCpuset(from, to);
    from = to;
  }
}

/** A new cpuset is empty, and no process may enter it so. */
function inheritCpuset(from: string, to: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readControl(to, file) === '') writeControl(to, file, readControl(from, file) ?? '');
  }
}

class V1Cgroup implements Cgroup {
  readonly placement;
  readonly #freezer: string | undefined;

  constructor(folders: readonly { controller: string; path: string }[], freezer: string | undefined) {
    const paths = folders.map(({ path }) => path);
    // The freezer's folder comes into being with the first pause only, and must be thawed and removed as well.
    const cleanup = freezer === undefined ? paths : [...paths, freezer];
    this.placement = { version: 'v1', folders, cleanup } as const;
    this.#freezer = freezer;
  }

  folder(controller: string): string | undefined {
    return this.placement.folders.find((entry) => entry.controller === controller)?.path;
  }

  write(writes: readonly ControlWrite[]): void {
    applyWrites(writes, (controller) => this.folder(controller));
  }

  usage(): Usage {
    return v1Usage((controller) => this.folder(controller));
  }

  update(limits: ResourceConfig): void {
    this.write(v1Writes(limits));
  }

  kill(): void {
    this.#thaw();
    for (const { path } of this.placement.folders) killCgroup(path);
  }

  freeze(frozen: boolean): void {
    const source = this.placement.folders[0]?.path;
    if (this.#freezer === undefined || source === undefined) {
      throw new TsbuildError(
        'LIMIT_UNAVAILABLE',
        'pausing needs the freezer cgroups, which are not writable here',
      );
    }
    if (!frozen) {
      this.#thaw();
      return;
    }
    moveInto(this.#freezer, source);
    writeControl(this.#freezer, 'freezer.state', 'FROZEN');
  }

  #thaw(): void {
    if (this.#freezer !== undefined) tryWriteControl(this.#freezer, 'freezer.state', 'THAWED');
  }

  remove(): void {
    for (const path of this.placement.cleanup) removeQuietly(path);
  }
}

/** Moves all processes of `source`; those born meanwhile in the old place are met by the next round. */
function moveInto(freezer: string, source: string): void {
  mkdirSync(freezer, { recursive: true });
  const moved = new Set<string>();
  for (let round = 0; round < 100; round++) {
    const pids = (readControl(source, 'cgroup.procs') ?? '')
      .split('\n')
      .filter((pid) => pid !== '' && !moved.has(pid));
    if (pids.length === 0) return;
    for (const pid of pids) {
      moved.add(pid);
      tryWriteControl(freezer, 'cgroup.procs', pid);
    }
  }
}

/** A process on its way out keeps its cgroup busy for a moment: a later builder's sweep meets what stays. */
function removeQuietly(path: string): void {
  try {
    removeCgroup(path);
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) throw error;
  }
}
