import type { Usage } from '../../core/index.ts';
import type { ResourceConfig } from '../../oci/runtime-spec.ts';

/** Where a container's processes are counted: what the launcher joins, and what is removed afterwards. */
export interface CgroupPlacement {
  readonly version: 'v1' | 'v2' | 'none';
  /** v1: one folder a controller. v2: one folder, its controller named `unified`. */
  readonly folders: readonly { readonly controller: string; readonly path: string }[];
  /** What is to be thawed, killed and removed at the end: the folders above, and any that a pause has made. */
  readonly cleanup: readonly string[];
  /** v2: which devices may be used, as a BPF program. */
  readonly deviceProgram?: Uint8Array | undefined;
}

export interface Cgroup {
  readonly placement: CgroupPlacement;
  /** What was used up to now; still readable after the last process has ended. */
  usage(): Usage;
  /** Changes the limits of a running container. Throws LIMIT_UNAVAILABLE. */
  update(limits: ResourceConfig): void;
  /** Kills all processes in it. */
  kill(): void;
  /** Stops or continues all processes. Throws LIMIT_UNAVAILABLE where the machine cannot. */
  freeze(frozen: boolean): void;
  /** Removes the folders; fine when they are gone. */
  remove(): void;
}

/** Which cgroup a container has. */
export interface CgroupName {
  /** Of the container; the folder's name unless `path` is given. */
  readonly id: string;
  /** `linux.cgroupsPath`: absolute below the root of the hierarchy (v2: below the topmost writable cgroup). */
  readonly path?: string | undefined;
}

/** v1, v2 or none (design decision 18). */
export interface CgroupManager {
  readonly version: CgroupPlacement['version'];
  /** Throws LIMIT_UNAVAILABLE when one of the limits cannot be applied on this machine. */
  create(name: CgroupName, limits: ResourceConfig): Cgroup;
  /** What a container that another process holds has used; undefined when it has no cgroup. */
  usage(name: CgroupName): Usage | undefined;
  /** Removes what a killed process left of a container that has ended: folders without processes. */
  discard(name: CgroupName): void;
  /** The same for all below the parent whose id `isLeft` knows; without a parent, where those without a path are. */
  discardBelow(parent: string | undefined, isLeft: (id: string) => boolean): void;
}
