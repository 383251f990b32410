import type { CoveredMounts } from '../covered-mounts.ts';
import type { CgroupPlacement } from '../cgroup/types.ts';
import type { MappedIds } from '../mapped-ids.ts';
import type { SeccompArch } from '../seccomp/index.ts';
import type { SecurityModule } from '../security-modules.ts';
import type { ContainerSpec } from '../types.ts';

/** What planning needs to know of the machine; everything else is in the spec. */
export interface HostFacts {
  /** Two empty host folders, mounted over in the container's mount namespace only. */
  readonly scratch: { readonly root: string; readonly tree: string };
  /** A host folder with the mount points that an image may lack; the lowest layer. */
  readonly stubs: string | undefined;
  readonly cgroup: CgroupPlacement;
  /** A host folder with the config.json of the container, as its hooks are told; where there are any. */
  readonly bundle?: string | undefined;
  /** The builder itself runs in a user namespace. */
  readonly inUserNamespace: boolean;
  /** Those that the builder's user namespace has; undefined: all. */
  readonly ids?: MappedIds | undefined;
  /** `CAP_…` that the builder can give away; what it lacks itself is left out. Undefined: all. */
  readonly capabilities?: readonly string[] | undefined;
  /** Undefined where no filter can be compiled: asking for one is an error then. */
  readonly architecture: SeccompArch | undefined;
  /** Those of which a container can have none of its own; none unless told. */
  readonly covered?: CoveredMounts | undefined;
  /** Those that can label programs; none unless told. */
  readonly modules?: readonly SecurityModule[] | undefined;
}

/** Set-up is done in the container's user namespace, if it has one, else in the builder's. */
export function inUserNamespace(spec: ContainerSpec, host: HostFacts): boolean {
  return host.inUserNamespace || spec.config.linux.namespaces.some(({ type }) => type === 'user');
}

/** Those that the container's programs can have, as far as the builder's own decide it. */
export function idsOf(spec: ContainerSpec, host: Pick<HostFacts, 'ids'>): MappedIds | undefined {
  return spec.config.linux.namespaces.some(({ type }) => type === 'user') ? undefined : host.ids;
}
