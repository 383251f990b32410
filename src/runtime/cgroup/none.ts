import { TsbuildError } from '../../core/index.ts';
import type { ResourceConfig } from '../../oci/runtime-spec.ts';
import type { Cgroup, CgroupManager } from './types.ts';

/** For machines without writable cgroups: runs, but holds no limit, and says so when one is asked for. */
export function noCgroups(reason: string): CgroupManager {
  const refuse = (what: string): never => {
    throw new TsbuildError('LIMIT_UNAVAILABLE', `${what} needs a cgroup, and ${reason}`, {
      hint: 'leave the limit out, or run where cgroups are writable: "tsbuild doctor" says how',
    });
  };
  const cgroup: Cgroup = {
    placement: { version: 'none', folders: [], cleanup: [] },
    usage: () => ({}),
    update: (limits) => {
      const [first] = askedLimits(limits);
      if (first !== undefined) refuse(first);
    },
    kill: () => undefined,
    freeze: () => refuse('pausing a container'),
    remove: () => undefined,
  };
  return {
    version: 'none',
    create: (_name, limits) => {
      cgroup.update(limits);
      return cgroup;
    },
    usage: () => undefined,
    discard: () => undefined,
    discardBelow: () => undefined,
  };
}

/** What a user asked for by name; device rules are everybody's, and not among them. */
export function askedLimits(limits: ResourceConfig): string[] {
  const { devices: _devices, hugepageLimits = [], rdma = {}, unified = {}, ...groups } = limits;
  return [
    ...Object.entries(groups).flatMap(([group, values]) =>
      Object.entries(values ?? {}).flatMap(([name, value]) =>
        value === undefined ? [] : [`${group}.${name}`],
      ),
    ),
    ...hugepageLimits.map(({ pageSize }) => `hugepageLimits.${pageSize}`),
    ...Object.keys(rdma).map((name) => `rdma.${name}`),
    ...Object.keys(unified).map((name) => `unified.${name}`),
  ];
}
