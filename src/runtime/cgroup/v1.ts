import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno, TsbuildError } from '../../core/index.ts';
import type { ResourceConfig } from '../../oci/runtime-spec.ts';
import type { Usage } from '../types.ts';
import { fullRules, v1DeviceLine } from './device-rules.ts';
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
  writeLimit,
} from './files.ts';
import { v1Writes, type ControlWrite } from './limits.ts';
import { sweepCgroups } from './sweep.ts';
import type { Cgroup, CgroupManager } from './types.ts';

/** Every container's folder is below this one, in each hierarchy. */
const parent = 'tsbuild';

/** `mounts`: the folder of each writable controller. */
export function v1Cgroups(mounts: Readonly<Record<string, string>>): CgroupManager {
  let swept = false;
  return {
    version: 'v1',
    create(id, limits) {
      if (!swept) for (const mount of Object.values(mounts)) sweepCgroups(join(mount, parent));
      swept = true;
      return createCgroup(mounts, id, limits);
    },
  };
}

/** Joining a hierarchy costs some 100 microseconds: only those with something to hold are joined, and devices always. */
function createCgroup(mounts: Readonly<Record<string, string>>, id: string, limits: ResourceConfig): Cgroup {
  const writes = v1Writes(limits);
  const rules = fullRules(limits.devices ?? []);
  const wanted = [
    ...new Set([...(rules.length > 0 ? ['devices'] : []), ...writes.map((entry) => entry.controller)]),
  ];
  const folders: { controller: string; path: string }[] = [];
  try {
    for (const controller of wanted) {
      const mount = mounts[controller];
      if (mount === undefined) throw missing(controller, writes);
      folders.push({ controller, path: join(mount, parent, id) });
      makeInHierarchy(mount, id, controller);
    }
    const cgroup = new V1Cgroup(
      folders,
      mounts['freezer'] === undefined ? undefined : join(mounts['freezer'], parent, id),
    );
    cgroup.write(writes);
    const devices = cgroup.folder('devices');
    if (devices !== undefined) {
      for (const rule of rules) {
        const file = rule.allow ? 'devices.allow' : 'devices.deny';
        writeLimit(devices, file, { what: 'on devices', value: v1DeviceLine(rule) });
      }
    }
    return cgroup;
  } catch (error) {
    for (const { path } of folders) removeCgroup(path);
    throw error;
  }
}

function missing(controller: string, writes: readonly ControlWrite[]): TsbuildError {
  const what = writes.find((entry) => entry.controller === controller)?.what ?? 'on devices';
  return new TsbuildError(
    'LIMIT_UNAVAILABLE',
    `the limit ${what} cannot be applied: this machine has no writable ${controller} cgroups`,
  );
}

function makeInHierarchy(mount: string, id: string, controller: string): void {
  const above = join(mount, parent);
  if (!existsSync(above)) mkdirSync(above, { recursive: true });
  if (controller === 'cpuset') inheritCpuset(mount, above);
  const path = join(above, id);
  makeCgroup(path);
  if (controller === 'cpuset') inheritCpuset(above, path);
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
    const failed = writes.filter((entry) => !this.#tryWrite(entry));
    // Memory alone may not go above memory and swap together: when both are raised the second has to be first.
    for (const entry of failed) this.#write(entry);
  }

  #tryWrite(entry: ControlWrite): boolean {
    try {
      this.#write(entry);
      return true;
    } catch {
      return false;
    }
  }

  #write({ controller, files, value, what, optional = false }: ControlWrite): void {
    const folder = this.folder(controller);
    const file = files.find((name) => folder !== undefined && existsSync(join(folder, name)));
    if (folder === undefined || file === undefined) {
      if (optional) return;
      throw unavailable(what, Object.assign(new Error('no such file'), { code: 'ENOENT' }), files[0] ?? '');
    }
    try {
      writeControl(folder, file, value);
    } catch (error) {
      throw unavailable(what, error, file);
    }
  }

  usage(): Usage {
    const memory = this.folder('memory');
    if (memory === undefined) return {};
    return {
      memoryPeak: readNumber(memory, 'memory.max_usage_in_bytes'),
      oomKills: readKeyed(memory, 'memory.oom_control', 'oom_kill'),
    };
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
